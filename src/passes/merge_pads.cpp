#include <algorithm>

#include "ops/layer.h"
#include "passes/match.h"
#include "passes/steps.h"

namespace sparsmith::passes {

using graph::kNoValue;
using graph::Node;
using graph::ValueId;

namespace {

/// Zeros around each size of an image, as a Conv has them; none where a Pad does anything else.
std::optional<std::vector<int64_t>> zeros_around(const Editor& editor, const Node& pad, size_t rank) {
  const bool attributes = editor.opset() < 11;
  if (text(pad, "mode", "constant") != "constant") return std::nullopt;
  if (attributes && number(pad, "value", 0) != 0) return std::nullopt;
  if (!attributes && input(pad, 2) != kNoValue && scalar(editor, pad.inputs[2]) != 0.0) return std::nullopt;
  const auto given = attributes ? std::optional(integers(pad, "pads")) : constant_integers(editor, input(pad, 1));
  if (!given || std::any_of(given->begin(), given->end(), [](int64_t size) { return size < 0; })) return std::nullopt;
  std::vector<int64_t> axes(given->size() / 2);
  for (size_t i = 0; i < axes.size(); ++i) axes[i] = static_cast<int64_t>(i);
  if (editor.opset() >= 18 && input(pad, 3) != kNoValue) {
    const auto named = constant_integers(editor, pad.inputs[3]);
    if (!named) return std::nullopt;
    axes = *named;
  } else if (axes.size() != rank) {
    return std::nullopt;
  }
  const size_t sizes = rank - 2;
  std::vector<int64_t> result(2 * sizes);
  for (size_t i = 0; i < axes.size(); ++i) {
    const int64_t axis = axes[i] < 0 ? axes[i] + static_cast<int64_t>(rank) : axes[i];
    const int64_t before = (*given)[i], after = (*given)[i + axes.size()];
    if (axis < 2 && (before != 0 || after != 0)) return std::nullopt;
    if (axis < 2) continue;
    result[static_cast<size_t>(axis) - 2] = before;
    result[static_cast<size_t>(axis) - 2 + sizes] = after;
  }
  return result;
}

/// Whether no element of a value can be below zero.
bool is_nonnegative(const Editor& editor, ValueId id) {
  const auto place = editor.maker(id);
  if (!place) return false;
  const Node& node = editor.node(*place);
  if (is(node, "Clip")) {
    const auto bounds = clip_bounds(editor, node);
    return bounds && bounds->lo >= 0;
  }
  return is(node, "Relu") || is(node, "Sigmoid");
}

void merge_at(Editor& editor, size_t place) {
  Node node = editor.node(place);
  const bool conv = node.domain == ops::kLayerDomain && node.op == "Conv";
  const bool average = is(node, "AveragePool"), largest = is(node, "MaxPool");
  if (!conv && !average && !largest) return;
  const auto pad_place = editor.maker(node.inputs[0], "Pad");
  if (!pad_place || editor.only_reader(node.inputs[0]) != place) return;
  const Node& pad = editor.node(*pad_place);
  std::vector<int64_t> kernel;
  if (conv) {
    const graph::Tensor* const weights = editor.constant(node.inputs[1]);
    if (weights == nullptr) return;
    kernel.assign(weights->shape.begin() + 2, weights->shape.end());
  } else {
    kernel = integers(node, "kernel_shape");
    // Windows that stick out of the padded image, or more padding of another kind, count elements in other ways.
    if (text(node, "auto_pad", "NOTSET") != "NOTSET" || integer(node, "ceil_mode", 0) != 0) return;
    if (node.outputs.size() > 1 || integer(node, "storage_order", 0) != 0) return;
  }
  const size_t sizes = kernel.size();
  const auto dilations = integers(node, "dilations", std::vector<int64_t>(sizes, 1));
  const auto zeros = zeros_around(editor, pad, sizes + 2);
  auto pads = integers(node, "pads", std::vector<int64_t>(2 * sizes));
  if (!zeros || pads.size() != zeros->size() || dilations.size() != sizes) return;
  const bool padded = std::any_of(pads.begin(), pads.end(), [](int64_t size) { return size != 0; });
  for (size_t i = 0; i < pads.size(); ++i) {
    // Every window still reads something of the image.
    if (!conv && dilations[i % sizes] != 1) return;
    const int64_t most = (kernel[i % sizes] - 1) * dilations[i % sizes];
    if ((*zeros)[i] > most - pads[i]) return;
    pads[i] += (*zeros)[i];
  }
  if (average) {
    if (padded && integer(node, "count_include_pad", 0) == 0) return;
    node.attributes["count_include_pad"] = int64_t{1};
  }
  // Zeros are the smallest of what is there anyway.
  if (largest && !is_nonnegative(editor, pad.inputs[0])) return;
  node.attributes["pads"] = pads;
  node.inputs[0] = pad.inputs[0];
  editor.put(place, std::move(node));
  editor.erase(*pad_place);
}

}  // namespace

void merge_pads(Editor& editor) {
  for (size_t place = 0; place < editor.places(); ++place) {
    if (editor.used(place)) merge_at(editor, place);
  }
}

}  // namespace sparsmith::passes

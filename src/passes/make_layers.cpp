#include <algorithm>
#include <cmath>

#include "ops/layer.h"
#include "ops/window.h"
#include "passes/match.h"
#include "passes/steps.h"

namespace sparsmith::passes {

using graph::ElementType;
using graph::kNoValue;
using graph::Node;
using graph::Tensor;
using graph::ValueId;

namespace {

/// A constant float32 tensor without empty dimensions.
const Tensor* weights_of(const Editor& editor, ValueId id) {
  const Tensor* const tensor = editor.constant(id);
  return tensor != nullptr && tensor->type == ElementType::f32 && tensor->size() > 0 ? tensor : nullptr;
}

Node layer(const Node& from, const char* op, std::vector<ValueId> inputs) {
  Node node;
  node.name = from.name;
  node.domain = ops::kLayerDomain;
  node.op = op;
  node.inputs = std::move(inputs);
  node.outputs = from.outputs;
  ops::write_epilogue({}, node);
  return node;
}

/// Pads that hold for images of any size the model takes; none where they depend on it.
std::optional<std::vector<int64_t>> explicit_pads(const Editor& editor, const Node& node, const Tensor& weights) {
  const size_t sizes = weights.shape.size() - 2;
  const std::string automatic = text(node, "auto_pad", "NOTSET");
  if (automatic == "NOTSET") return integers(node, "pads", std::vector<int64_t>(2 * sizes));
  if (automatic == "VALID") return std::vector<int64_t>(2 * sizes);
  const auto shape = editor.facts().shape(node.inputs[0]);
  const ops::Type* const x = editor.facts().example(node.inputs[0]);
  if (!shape || shape->size() != weights.shape.size()) return std::nullopt;
  const graph::Graph alone;
  Node named = node;
  named.name = "convolution";
  ops::NodeView view(alone, named, {});
  const std::vector<int64_t> kernel(weights.shape.begin() + 2, weights.shape.end());
  const auto windows = ops::sliding_windows(view, x->shape, kernel, false);
  if (!windows) return std::nullopt;
  std::vector<int64_t> pads(2 * sizes);
  for (size_t i = 0; i < sizes; ++i) {
    const ops::WindowAxis& axis = (*windows)[3 - sizes + i];
    if (axis.stride != 1 && (*shape)[i + 2] < 0) return std::nullopt;
    pads[i] = axis.pad_begin;
    pads[i + sizes] = axis.pad_end;
  }
  return pads;
}

void conv_at(Editor& editor, size_t place) {
  const Node& node = editor.node(place);
  const Tensor* const weights = weights_of(editor, node.inputs[1]);
  const ValueId bias = input(node, 2);
  if (weights == nullptr || editor.constant(node.inputs[0]) != nullptr) return;
  if (bias != kNoValue && editor.constant(bias) == nullptr) return;
  const auto pads = explicit_pads(editor, node, *weights);
  if (!pads) return;
  const size_t sizes = weights->shape.size() - 2;
  Node made = layer(node, "Conv", {node.inputs[0], node.inputs[1], bias});
  made.attributes["strides"] = integers(node, "strides", std::vector<int64_t>(sizes, 1));
  made.attributes["dilations"] = integers(node, "dilations", std::vector<int64_t>(sizes, 1));
  made.attributes["pads"] = *pads;
  made.attributes["group"] = integer(node, "group", 1);
  editor.put(place, std::move(made));
}

/// A matrix [K, M] as [M, K].
std::optional<ValueId> transposed(Editor& editor, ValueId id) {
  if (const auto found = editor.transposed().find(id); found != editor.transposed().end()) return found->second;
  const Tensor& from = *editor.constant(id);
  if (!editor.has_room(static_cast<int64_t>(from.bytes.size()))) return std::nullopt;
  const int64_t rows = from.shape[from.shape.size() - 2], columns = from.shape.back();
  Tensor to = Tensor::zeros(ElementType::f32, {columns, rows});
  const auto a = from.as<float>();
  const auto b = to.as<float>();
  constexpr int64_t kBlock = 16;
  for (int64_t first = 0; first < rows; first += kBlock) {
    const int64_t last = std::min(rows, first + kBlock);
    for (int64_t j = 0; j < columns; ++j) {
      for (int64_t i = first; i < last; ++i) b[j * rows + i] = a[i * columns + j];
    }
  }
  const auto added = editor.add_constant(std::move(to), id);
  if (added) editor.transposed()[id] = *added;
  return added;
}

void matmul_at(Editor& editor, size_t place) {
  const Node& node = editor.node(place);
  const Tensor* const weights = weights_of(editor, node.inputs[1]);
  const ops::Type* const x = editor.facts().example(node.inputs[0]);
  if (weights == nullptr || x == nullptr || editor.constant(node.inputs[0]) != nullptr) return;
  // Batches of one matrix are that matrix, where they don't add dimensions to the result.
  const size_t rank = weights->shape.size();
  if (rank < 2 || (rank > 2 && x->shape.size() < rank)) return;
  if (std::any_of(weights->shape.begin(), weights->shape.end() - 2, [](int64_t size) { return size != 1; })) return;
  const auto turned = transposed(editor, node.inputs[1]);
  if (turned) editor.put(place, layer(node, "MatMul", {node.inputs[0], *turned}));
}

std::optional<Tensor> scaled(const Tensor& tensor, float factor) {
  Tensor result = tensor;
  for (float& value : result.as<float>()) {
    value = static_cast<float>(double{value} * double{factor});
    if (!std::isfinite(value)) return std::nullopt;
  }
  return result;
}

/// The id of `factor` times a constant; the same where that is 1.
std::optional<ValueId> times(Editor& editor, ValueId id, float factor) {
  if (factor == 1) return id;
  const Tensor& tensor = *editor.constant(id);
  if (!editor.has_room(static_cast<int64_t>(tensor.bytes.size()))) return std::nullopt;
  auto result = scaled(tensor, factor);
  return result ? editor.add_constant(std::move(*result), id) : std::nullopt;
}

void gemm_at(Editor& editor, size_t place) {
  const Node node = editor.node(place);
  const Tensor* const b = weights_of(editor, node.inputs[1]);
  if (b == nullptr || integer(node, "transA", 0) != 0 || editor.constant(node.inputs[0]) != nullptr) return;
  const bool turned = integer(node, "transB", 0) != 0;
  const int64_t channels = b->shape[turned ? 0 : 1];
  ValueId c = input(node, 2);
  const float beta = number(node, "beta", 1);
  if (c != kNoValue && beta != 1) {
    const bool fixed = editor.constant(c) != nullptr && editor.constant(c)->type == ElementType::f32;
    const auto multiplied = fixed ? times(editor, c, beta) : std::nullopt;
    if (!multiplied) return;
    c = *multiplied;
  }
  const auto straight = turned ? std::optional(node.inputs[1]) : transposed(editor, node.inputs[1]);
  const auto weights = straight ? times(editor, *straight, number(node, "alpha", 1)) : std::nullopt;
  if (!weights) return;
  Node made = layer(node, "MatMul", {node.inputs[0], *weights});
  auto bias = c == kNoValue ? std::nullopt : per_channel(editor, c, channels, 2, 0);
  if (c == kNoValue || bias) {
    if (bias) {
      Tensor tensor = Tensor::zeros(ElementType::f32, {channels});
      std::copy(bias->begin(), bias->end(), tensor.as<float>().begin());
      const auto added = editor.add_constant(std::move(tensor), c);
      if (!added) return;
      made.inputs.push_back(*added);
    }
    editor.put(place, std::move(made));
    return;
  }
  // Another addend is an operator of its own, which may become the layer's residual.
  const ValueId product = editor.add_value(node.outputs[0]);
  made.outputs = {product};
  Node add;
  add.op = "Add";
  add.inputs = {product, c};
  add.outputs = node.outputs;
  editor.put(editor.place_before(place), std::move(made));
  editor.put(place, std::move(add));
}

}  // namespace

void make_layers(Editor& editor) {
  for (size_t place = 0; place < editor.places(); ++place) {
    const Node& node = editor.node(place);
    if (is(node, "Conv")) {
      conv_at(editor, place);
    } else if (is(node, "MatMul")) {
      matmul_at(editor, place);
    } else if (is(node, "Gemm")) {
      gemm_at(editor, place);
    }
  }
}

}  // namespace sparsmith::passes

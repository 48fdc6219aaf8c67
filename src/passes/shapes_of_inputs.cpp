#include <algorithm>

#include "passes/match.h"
#include "passes/steps.h"

namespace sparsmith::passes {

using graph::ElementType;
using graph::Node;
using graph::Tensor;
using graph::ValueId;

namespace {

/// The sizes of a value as picked from an input's, followed by constants.
struct Sizes {
  Tensor constants = Tensor::zeros(ElementType::i64, {0});
  Tensor picks = Tensor::zeros(ElementType::i64, {0});
};

Tensor longs(const std::vector<int64_t>& values) {
  Tensor tensor = Tensor::zeros(ElementType::i64, {static_cast<int64_t>(values.size())});
  std::copy(values.begin(), values.end(), tensor.as<int64_t>().begin());
  return tensor;
}

std::optional<Sizes> sizes_from(const Editor& editor, ValueId value, ValueId input) {
  const auto own = editor.facts().shape(value), given = editor.facts().shape(input);
  if (!own || !given) return std::nullopt;
  std::vector<int64_t> constants, picks;
  for (size_t axis = 0; axis < own->size(); ++axis) {
    size_t from = 0;
    if ((*own)[axis] >= 0) {
      picks.push_back(static_cast<int64_t>(given->size() + constants.size()));
      constants.push_back((*own)[axis]);
      continue;
    }
    while (from < given->size() && !editor.facts().same_size(value, axis, input, from)) ++from;
    if (from == given->size()) return std::nullopt;
    picks.push_back(static_cast<int64_t>(from));
  }
  return Sizes{longs(constants), longs(picks)};
}

}  // namespace

void take_shapes_from_inputs(Editor& editor, const std::vector<ValueId>& inputs) {
  // One input's shape is enough: there is one free place in front of everything.
  constexpr size_t kFront = 0;
  ValueId source = graph::kNoValue, shape = graph::kNoValue;
  for (size_t place = 0; place < editor.places(); ++place) {
    const Node node = editor.node(place);
    if (!is(node, "Shape") || !node.attributes.empty() || !editor.maker(node.inputs[0])) continue;
    for (const ValueId input : source == graph::kNoValue ? inputs : std::vector{source}) {
      auto sizes = sizes_from(editor, node.inputs[0], input);
      if (!sizes || !editor.has_room(static_cast<int64_t>(sizes->picks.bytes.size() + sizes->constants.bytes.size()))) {
        continue;
      }
      if (source == graph::kNoValue) {
        source = input;
        Node of_input;
        of_input.op = "Shape";
        of_input.inputs = {input};
        of_input.outputs = {shape = editor.add_value(node.outputs[0])};
        editor.put(kFront, std::move(of_input));
      }
      Node all, picked;
      all.op = "Concat";
      all.inputs = {shape, *editor.add_constant(std::move(sizes->constants), node.outputs[0])};
      all.outputs = {editor.add_value(node.outputs[0])};
      all.attributes["axis"] = int64_t{0};
      picked.name = node.name;
      picked.op = "Gather";
      picked.inputs = {all.outputs[0], *editor.add_constant(std::move(sizes->picks), node.outputs[0])};
      picked.outputs = node.outputs;
      editor.put(editor.place_before(place), std::move(all));
      editor.put(place, std::move(picked));
      break;
    }
  }
}

}  // namespace sparsmith::passes

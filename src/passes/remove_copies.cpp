#include <algorithm>

#include "passes/match.h"
#include "passes/steps.h"

namespace sparsmith::passes {

using graph::kNoValue;
using graph::Node;
using graph::ValueId;

namespace {

bool keeps_type(const Editor& editor, const Node& node) {
  const ops::Type *const from = editor.facts().example(node.inputs[0]), *const to =
                                                                            editor.facts().example(node.outputs[0]);
  return from != nullptr && to != nullptr && from->element == to->element;
}

bool keeps_shape(const Editor& editor, const Node& node) {
  return editor.facts().same_shape(node.inputs[0], node.outputs[0]);
}

/// Whether dimensions of more than one element stay in their order.
bool keeps_order(const Editor& editor, const Node& node) {
  const auto shape = editor.facts().shape(node.inputs[0]);
  if (!shape) return false;
  std::vector<int64_t> order(shape->size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int64_t>(order.size() - 1 - i);
  order = integers(node, "perm", order);
  std::erase_if(order, [&](int64_t axis) { return (*shape)[static_cast<size_t>(axis)] == 1; });
  return std::is_sorted(order.begin(), order.end()) && keeps_shape(editor, node);
}

bool pads_nothing(const Editor& editor, const Node& node) {
  const auto pads =
      editor.opset() < 11 ? std::optional(integers(node, "pads")) : constant_integers(editor, input(node, 1));
  return pads && std::all_of(pads->begin(), pads->end(), [](int64_t pad) { return pad == 0; });
}

bool is_copy(const Editor& editor, const Node& node) {
  if (!node.domain.empty() || node.inputs.empty() || node.inputs[0] == kNoValue) return false;
  if (node.outputs.empty() || node.outputs[0] == kNoValue) return false;
  for (size_t i = 1; i < node.outputs.size(); ++i) {
    if (node.outputs[i] != kNoValue && editor.readers(node.outputs[i]) > 0) return false;
  }
  if (node.op == "Identity" || node.op == "Dropout") return true;
  if (node.op == "Cast" || node.op == "CastLike") return keeps_type(editor, node);
  if (node.op == "Pad") return pads_nothing(editor, node);
  if (node.op == "Transpose") return keeps_order(editor, node);
  if (node.op == "Concat") return node.inputs.size() == 1;
  constexpr std::array kViews{"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Expand"};
  return std::find(kViews.begin(), kViews.end(), node.op) != kViews.end() && keeps_shape(editor, node);
}

}  // namespace

void remove_copies(Editor& editor) {
  std::map<ValueId, ValueId> same;
  for (size_t place = 0; place < editor.places(); ++place) {
    if (!editor.used(place)) continue;
    Node node = editor.node(place);
    bool changed = false;
    for (ValueId& id : node.inputs) {
      const auto found = same.find(id);
      if (found == same.end()) continue;
      id = found->second;
      changed = true;
    }
    if (changed) editor.put(place, node);
    if (!is_copy(editor, node)) continue;
    const ValueId from = node.inputs[0], to = node.outputs[0];
    if (editor.is_output(to)) {
      // An output has a name of its own: what it copies can have it unless that is known by another already.
      if (!editor.maker(from) || editor.is_output(from)) continue;
      editor.rename_output(to, from);
    }
    same[to] = from;
    editor.erase(place);
  }
}

}  // namespace sparsmith::passes

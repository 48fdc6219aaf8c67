#include <cmath>

#include "ops/layer.h"
#include "passes/match.h"
#include "passes/steps.h"

namespace sparsmith::passes {

using graph::Node;
using graph::ValueId;

namespace {

constexpr double kSixth = 1.0 / 6;

/// A part of x that y is made of: x itself, and the nodes in between.
struct Part {
  ValueId x;
  std::vector<size_t> nodes;
};

/// Clip(x + 3, 0, 6)
std::optional<Part> clipped(const Editor& editor, ValueId id) {
  const auto clip = editor.maker(id, "Clip");
  if (!clip) return std::nullopt;
  const auto bounds = clip_bounds(editor, editor.node(*clip));
  if (!bounds || bounds->lo != 0 || bounds->hi != 6) return std::nullopt;
  const auto add = editor.maker(editor.node(*clip).inputs[0], "Add");
  if (!add) return std::nullopt;
  const auto x = beside_scalar(editor, editor.node(*add), 3);
  if (!x) return std::nullopt;
  return Part{*x, {*clip, *add}};
}

/// Nodes that make a HardSigmoid from a division of Clip(x + 3, 0, 6).
bool hard_sigmoid_at(Editor& editor, size_t place) {
  const Product product = product_at(editor, place);
  if (product.factors.size() != 1 || std::fabs(product.scalar * 6 - 1) > 1e-6) return false;
  const auto part = clipped(editor, product.factors[0]);
  if (!part || !editor.facts().same_shape(part->x, editor.node(place).outputs[0])) return false;
  std::vector<size_t> inner(product.nodes.begin() + 1, product.nodes.end());
  inner.insert(inner.end(), part->nodes.begin(), part->nodes.end());
  if (!is_closed(editor, inner, place)) return false;
  Node node;
  node.op = "HardSigmoid";
  node.inputs = {part->x};
  node.attributes = {{"alpha", static_cast<float>(kSixth)}, {"beta", 0.5f}};
  replace(editor, inner, place, std::move(node));
  return true;
}

/// x times what is made of it, whole or by six.
bool swish_at(Editor& editor, size_t place) {
  const Product product = product_at(editor, place);
  if (product.factors.size() != 2) return false;
  for (const size_t first : {size_t{0}, size_t{1}}) {
    const ValueId x = product.factors[first], other = product.factors[1 - first];
    std::vector<size_t> inner(product.nodes.begin() + 1, product.nodes.end());
    const char* op = nullptr;
    if (const auto sigmoid = editor.maker(other, "Sigmoid")) {
      if (editor.node(*sigmoid).inputs[0] == x && product.scalar == 1) op = "Silu";
      inner.push_back(*sigmoid);
    } else if (const auto hard = editor.maker(other, "HardSigmoid")) {
      const Node& node = editor.node(*hard);
      const bool right =
          std::fabs(double{number(node, "alpha", 0.2f)} * 6 - 1) <= 1e-6 && number(node, "beta", 0.5f) == 0.5f;
      if (node.inputs[0] == x && right && product.scalar == 1) op = "HardSwish";
      inner.push_back(*hard);
    } else if (const auto part = clipped(editor, other)) {
      if (part->x == x && std::fabs(product.scalar * 6 - 1) <= 1e-6) op = "HardSwish";
      inner.insert(inner.end(), part->nodes.begin(), part->nodes.end());
    }
    if (op == nullptr || !is_closed(editor, inner, place)) continue;
    if (!editor.facts().same_shape(x, editor.node(place).outputs[0])) continue;
    Node node;
    node.domain = ops::kLayerDomain;
    node.op = op;
    node.inputs = {x};
    replace(editor, inner, place, std::move(node));
    return true;
  }
  return false;
}

}  // namespace

void recognise_swish(Editor& editor) {
  for (size_t place = 0; place < editor.places(); ++place) {
    if (!is(editor.node(place), "Mul") && !is(editor.node(place), "Div")) continue;
    if (!swish_at(editor, place)) hard_sigmoid_at(editor, place);
  }
}

}  // namespace sparsmith::passes

#include <algorithm>

#include "ops/layer.h"
#include "passes/match.h"
#include "passes/steps.h"

namespace sparsmith::passes {

using graph::kNoValue;
using graph::Node;
using graph::ValueId;
using Order = std::vector<int64_t>;

namespace {

/// Heads cut from rows: a Reshape of [batch, rows, channels], or of [batch * rows, channels], to [batch, rows, heads,
/// channels of a head].
struct Cut {
  ValueId rows = kNoValue, heads = kNoValue;
  size_t reshape = 0;
};

/// What masks scores: an Add's other operand, or a Where, which puts a number in the place of some.
struct Mask {
  size_t place = 0;
  ValueId added = kNoValue;  ///< of an Add
};

/// softmax(scale * q * k^T + masks) * v of several heads, and the nodes that make it but for the last.
struct Heads {
  Cut q, k, v;
  std::vector<Mask> masks;  ///< the one next to the product first
  double scale = 1;
  std::vector<size_t> nodes;
};

bool is_cut(const Editor& editor, ValueId rows, ValueId heads) {
  const auto whole = editor.facts().shape(rows), parts = editor.facts().shape(heads);
  if (!whole || !parts || parts->size() != 4 || (whole->size() != 2 && whole->size() != 3)) return false;
  if (whole->size() == 3) {
    for (const size_t axis : {size_t{0}, size_t{1}}) {
      if (!editor.facts().same_size(rows, axis, heads, axis)) return false;
    }
  }
  return (*parts)[2] > 0 && (*parts)[3] > 0 && whole->back() == (*parts)[2] * (*parts)[3];
}

/// The rows whose heads, in that order of [batch, rows, head, channel], an operand is, but for a factor.
std::optional<Cut> cut_of(const Editor& editor, ValueId id, const Order& wanted, Heads& found) {
  constexpr int kMostSteps = 8;
  Order order{0, 1, 2, 3};
  for (int step = 0; step < kMostSteps; ++step) {
    const Product product = product_of(editor, id);
    if (product.factors.size() != 1) return std::nullopt;
    found.scale *= product.scalar;
    found.nodes.insert(found.nodes.end(), product.nodes.begin(), product.nodes.end());
    id = product.factors[0];
    if (const auto transpose = editor.maker(id, "Transpose")) {
      const Order perm = integers(editor.node(*transpose), "perm", {3, 2, 1, 0});
      if (perm.size() != order.size()) return std::nullopt;
      for (int64_t& axis : order) axis = perm[static_cast<size_t>(axis)];
      found.nodes.push_back(*transpose);
      id = editor.node(*transpose).inputs[0];
      continue;
    }
    const auto reshape = editor.maker(id, "Reshape");
    if (!reshape || order != wanted) return std::nullopt;
    const ValueId rows = editor.node(*reshape).inputs[0];
    if (!is_cut(editor, rows, id)) return std::nullopt;
    found.nodes.push_back(*reshape);
    return Cut{rows, id, *reshape};
  }
  return std::nullopt;
}

bool is_along_rows(const Editor& editor, const Node& softmax) {
  const int64_t axis = integer(softmax, "axis", editor.opset() < 13 ? 1 : -1);
  return axis == -1 || axis == 3;
}

/// The product of queries and keys, times a number.
bool match_scores(const Editor& editor, ValueId id, Heads& found) {
  const Product product = product_of(editor, id);
  if (product.factors.size() != 1) return false;
  const auto matmul = editor.maker(product.factors[0], "MatMul");
  if (!matmul) return false;
  found.scale = product.scalar;
  found.nodes.insert(found.nodes.end(), product.nodes.begin(), product.nodes.end());
  found.nodes.push_back(*matmul);
  const auto q = cut_of(editor, editor.node(*matmul).inputs[0], {0, 2, 1, 3}, found);
  const auto k = q ? cut_of(editor, editor.node(*matmul).inputs[1], {0, 2, 3, 1}, found) : std::nullopt;
  if (!k) return false;
  found.q = *q;
  found.k = *k;
  return true;
}

/// `more`: masks that there may be yet.
bool match_masked(const Editor& editor, ValueId id, int more, Heads& found);

/// Scores, masked or not, with some of them replaced by a number so small that adding it is the same.
bool match_replaced(const Editor& editor, size_t where, int more, Heads& found) {
  constexpr double kSmall = -1e30;
  const Node& node = editor.node(where);
  for (const size_t i : {size_t{1}, size_t{2}}) {
    const auto number = scalar(editor, node.inputs[3 - i]);
    Heads attempt = found;
    if (!number || !(*number <= kSmall) || !editor.facts().same_shape(node.inputs[i], node.outputs[0]) ||
        !match_masked(editor, node.inputs[i], more, attempt)) {
      continue;
    }
    found = attempt;
    found.masks.push_back({where});
    found.nodes.push_back(where);
    return true;
  }
  return false;
}

/// What is softened: scores, or those and masks that stretch to them.
bool match_masked(const Editor& editor, ValueId id, int more, Heads& found) {
  const auto where = editor.maker(id, "Where"), add = editor.maker(id, "Add");
  if (!where && !add) return match_scores(editor, id, found);
  if (more == 0) return false;
  if (where) return match_replaced(editor, *where, more - 1, found);
  for (const size_t i : {size_t{0}, size_t{1}}) {
    Heads attempt = found;
    const ValueId scores = editor.node(*add).inputs[i], mask = editor.node(*add).inputs[1 - i];
    const ops::Type* const type = editor.facts().example(mask);
    if (type == nullptr || type->element != graph::ElementType::f32 || !editor.facts().same_shape(scores, id) ||
        !match_masked(editor, scores, more - 1, attempt)) {
      continue;
    }
    found = attempt;
    found.masks.push_back({*add, mask});
    found.nodes.push_back(*add);
    return true;
  }
  return false;
}

bool fit_together(const Editor& editor, const Heads& found, ValueId context) {
  const auto same = [&](ValueId a, size_t axis_of_a, ValueId b, size_t axis_of_b) {
    return editor.facts().same_size(a, axis_of_a, b, axis_of_b);
  };
  const ValueId q = found.q.heads, k = found.k.heads, v = found.v.heads;
  return same(q, 0, k, 0) && same(q, 0, v, 0) && same(k, 1, v, 1) && same(q, 2, k, 2) && same(q, 2, v, 2) &&
         same(context, 0, q, 0) && same(context, 1, q, 1) && same(context, 2, q, 2) && same(context, 3, v, 3);
}

/// [batch, rows, channels] as constants for a Reshape, if at most one of them isn't known before inputs are.
std::optional<graph::Tensor> rows_shape(const Editor& editor, ValueId heads) {
  const std::vector<int64_t> parts = *editor.facts().shape(heads);
  if (parts[0] < 0 && parts[1] < 0) return std::nullopt;
  graph::Tensor shape = graph::Tensor::zeros(graph::ElementType::i64, {3});
  const std::array sizes{parts[0], parts[1], parts[2] * parts[3]};
  std::copy(sizes.begin(), sizes.end(), shape.as<int64_t>().begin());
  return shape;
}

/// Rows [batch, rows, channels] of a cut, by a Reshape in its place where they lie otherwise. Cuts that are the same
/// one have the same rows, `made` by its place.
std::optional<ValueId> take_rows(Editor& editor, const Cut& cut, std::map<size_t, ValueId>& made,
                                 std::vector<size_t>& nodes) {
  if (editor.facts().shape(cut.rows)->size() == 3) return cut.rows;
  if (const auto there = made.find(cut.reshape); there != made.end()) return there->second;
  auto shape = rows_shape(editor, cut.heads);
  const auto constant = shape ? editor.add_constant(std::move(*shape), cut.heads) : std::nullopt;
  if (!constant) return std::nullopt;
  Node node;
  node.op = "Reshape";
  node.inputs = {cut.rows, *constant};
  node.outputs = {editor.add_value(cut.heads)};
  made[cut.reshape] = node.outputs[0];
  editor.put(cut.reshape, std::move(node));
  std::erase(nodes, cut.reshape);
  return made[cut.reshape];
}

/// What a Where that replaces scores adds to them instead, made in front of its place.
std::optional<ValueId> added_by(Editor& editor, size_t where) {
  Node node = editor.node(where);
  const auto zero = editor.add_constant(graph::Tensor::zeros(graph::ElementType::f32, {}), node.inputs[0]);
  if (!zero) return std::nullopt;
  for (const size_t i : {size_t{1}, size_t{2}}) {
    if (!scalar(editor, node.inputs[i])) node.inputs[i] = *zero;
  }
  node.outputs = {editor.add_value(node.outputs[0])};
  const ValueId mask = node.outputs[0];
  editor.put(editor.place_before(where), std::move(node));
  return mask;
}

/// The sum of all masks, each addition made in the place of the later one; none if there is none.
ValueId take_masks(Editor& editor, const std::vector<Mask>& masks, std::vector<size_t>& nodes) {
  ValueId sum = kNoValue;
  for (const Mask& mask : masks) {
    const ValueId own = mask.added != kNoValue ? mask.added : *added_by(editor, mask.place);
    if (sum == kNoValue) {
      sum = own;
      continue;
    }
    Node add;
    add.op = "Add";
    add.inputs = {sum, own};
    add.outputs = {editor.add_value(own)};
    sum = add.outputs[0];
    editor.put(mask.place, std::move(add));
    std::erase(nodes, mask.place);
  }
  return sum;
}

/// What is expanded only to be added to scores, or to choose among them, needn't be: they stretch it themselves. What
/// told the shape would read the scores otherwise.
void read_unexpanded(Editor& editor, size_t place) {
  Node node = editor.node(place);
  for (ValueId& id : node.inputs) {
    const auto expand = editor.maker(id, "Expand");
    const bool others = std::any_of(node.inputs.begin(), node.inputs.end(), [&](ValueId other) {
      return other != id && editor.facts().same_shape(other, node.outputs[0]);
    });
    if (!expand || !others) continue;
    id = editor.node(*expand).inputs[0];
    editor.put(place, node);
  }
}

/// The Reshape at `place` joins heads again.
void attention_at(Editor& editor, size_t place) {
  const Node join = editor.node(place);
  const auto turn = editor.maker(input(join, 0), "Transpose");
  if (!turn || integers(editor.node(*turn), "perm") != Order{0, 2, 1, 3}) return;
  const ValueId context = editor.node(*turn).outputs[0];
  const auto weigh = editor.maker(editor.node(*turn).inputs[0], "MatMul");
  const auto softmax = weigh ? editor.maker(editor.node(*weigh).inputs[0], "Softmax") : std::nullopt;
  if (!softmax || !is_along_rows(editor, editor.node(*softmax)) || !is_cut(editor, join.outputs[0], context)) return;
  Heads found;
  constexpr int kMostMasks = 3;
  if (!match_masked(editor, editor.node(*softmax).inputs[0], kMostMasks, found)) return;
  const double scale = found.scale;
  const auto v = cut_of(editor, editor.node(*weigh).inputs[1], {0, 2, 1, 3}, found);
  if (!v || found.scale != scale) return;
  found.v = *v;
  if (!fit_together(editor, found, context)) return;
  std::vector<size_t>& nodes = found.nodes;
  nodes.insert(nodes.end(), {*turn, *weigh, *softmax});
  std::sort(nodes.begin(), nodes.end());
  nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
  if (!is_closed(editor, nodes, place)) return;

  for (const Cut& cut : {found.q, found.k, found.v}) {
    if (editor.facts().shape(cut.rows)->size() != 3 && !rows_shape(editor, cut.heads)) return;
  }
  const bool flat = editor.facts().shape(join.outputs[0])->size() != 3;
  if (!editor.has_room(256)) return;  // for the constants below
  Node node;
  node.name = join.name;
  node.domain = ops::kLayerDomain;
  node.op = "Attention";
  const int64_t heads = (*editor.facts().shape(found.q.heads))[2];
  node.attributes = {{"heads", heads}, {"scale", static_cast<float>(scale)}};
  std::map<size_t, ValueId> made;
  for (const Cut& cut : {found.q, found.k, found.v}) node.inputs.push_back(*take_rows(editor, cut, made, nodes));
  if (const ValueId mask = take_masks(editor, found.masks, nodes); mask != kNoValue) node.inputs.push_back(mask);
  if (!flat) {
    replace(editor, nodes, place, std::move(node));
    return;
  }
  node.outputs = {editor.add_value(context)};
  Node rows = join;
  rows.inputs[0] = node.outputs[0];
  editor.put(place, std::move(rows));
  for (const size_t inner : nodes) editor.erase(inner);
  editor.put(editor.place_before(place), std::move(node));
}

}  // namespace

void recognise_attention(Editor& editor) {
  for (size_t place = 0; place < editor.places(); ++place) {
    if (is(editor.node(place), "Add") || is(editor.node(place), "Where")) read_unexpanded(editor, place);
  }
  editor.drop_unread();
  for (size_t place = 0; place < editor.places(); ++place) {
    if (is(editor.node(place), "Reshape")) attention_at(editor, place);
  }
}

}  // namespace sparsmith::passes

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

/// softmax(scale * q * k^T + mask) * v of several heads, and the nodes that make it but for the last.
struct Heads {
  ValueId q = kNoValue, k = kNoValue, v = kNoValue, mask = kNoValue;
  int64_t heads = 0;
  double scale = 1;
  std::vector<size_t> nodes;
};

/// Whether a node's reshaping of [batch, rows, channels] cuts channels into heads, the number of which is kept.
bool cuts_heads(const Editor& editor, ValueId rows, ValueId cut, int64_t& heads) {
  const auto whole = editor.facts().shape(rows), parts = editor.facts().shape(cut);
  if (!whole || !parts || whole->size() != 3 || parts->size() != 4) return false;
  if (!editor.facts().same_size(rows, 0, cut, 0) || !editor.facts().same_size(rows, 1, cut, 1)) return false;
  const int64_t count = (*parts)[2];
  if (count < 1 || (*parts)[3] < 1 || (heads != 0 && heads != count)) return false;
  heads = count;
  return (*whole)[2] == count * (*parts)[3];
}

/// The rows [batch, rows, channels] whose heads, in that order of [batch, rows, head, channel], an operand is, but for
/// a factor.
std::optional<ValueId> rows_of(const Editor& editor, ValueId id, const Order& wanted, Heads& found) {
  Order order{0, 1, 2, 3};
  for (int step = 0; step < 8; ++step) {
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
    if (!cuts_heads(editor, rows, id, found.heads)) return std::nullopt;
    found.nodes.push_back(*reshape);
    return rows;
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
  const auto q = rows_of(editor, editor.node(*matmul).inputs[0], {0, 2, 1, 3}, found);
  const auto k = q ? rows_of(editor, editor.node(*matmul).inputs[1], {0, 2, 3, 1}, found) : std::nullopt;
  if (!k) return false;
  found.q = *q;
  found.k = *k;
  return true;
}

/// What is softened: scores, or those and a mask that stretches to them.
bool match_masked(const Editor& editor, ValueId id, Heads& found) {
  const auto add = editor.maker(id, "Add");
  if (!add) return match_scores(editor, id, found);
  for (const size_t i : {size_t{0}, size_t{1}}) {
    Heads attempt = found;
    const ValueId scores = editor.node(*add).inputs[i], mask = editor.node(*add).inputs[1 - i];
    const ops::Type* const type = editor.facts().example(mask);
    if (type == nullptr || type->element != graph::ElementType::f32 || !editor.facts().same_shape(scores, id) ||
        !match_scores(editor, scores, attempt)) {
      continue;
    }
    found = attempt;
    found.mask = mask;
    found.nodes.push_back(*add);
    return true;
  }
  return false;
}

void attention_at(Editor& editor, size_t place) {
  const Node& join = editor.node(place);
  const auto turn = editor.maker(input(join, 0), "Transpose");
  if (!turn || integers(editor.node(*turn), "perm") != Order{0, 2, 1, 3}) return;
  const auto weigh = editor.maker(editor.node(*turn).inputs[0], "MatMul");
  const auto softmax = weigh ? editor.maker(editor.node(*weigh).inputs[0], "Softmax") : std::nullopt;
  if (!softmax || !is_along_rows(editor, editor.node(*softmax))) return;
  Heads found;
  if (!match_masked(editor, editor.node(*softmax).inputs[0], found)) return;
  Heads values;
  values.heads = found.heads;
  const auto v = rows_of(editor, editor.node(*weigh).inputs[1], {0, 2, 1, 3}, values);
  if (!v || values.scale != 1) return;
  int64_t heads = found.heads;
  if (!cuts_heads(editor, join.outputs[0], editor.node(*turn).outputs[0], heads)) return;
  const bool one_batch =
      editor.facts().same_size(found.q, 0, found.k, 0) && editor.facts().same_size(found.q, 0, *v, 0);
  if (!one_batch || !editor.facts().same_size(found.k, 1, *v, 1)) return;
  if (!editor.facts().same_size(join.outputs[0], 1, found.q, 1)) return;
  found.nodes.insert(found.nodes.end(), values.nodes.begin(), values.nodes.end());
  found.nodes.insert(found.nodes.end(), {*turn, *weigh, *softmax});
  std::sort(found.nodes.begin(), found.nodes.end());
  found.nodes.erase(std::unique(found.nodes.begin(), found.nodes.end()), found.nodes.end());
  if (!is_closed(editor, found.nodes, place)) return;
  Node node;
  node.domain = ops::kLayerDomain;
  node.op = "Attention";
  node.inputs = {found.q, found.k, *v};
  if (found.mask != kNoValue) node.inputs.push_back(found.mask);
  node.attributes = {{"heads", found.heads}, {"scale", static_cast<float>(found.scale)}};
  replace(editor, found.nodes, place, std::move(node));
}

}  // namespace

void recognise_attention(Editor& editor) {
  for (size_t place = 0; place < editor.places(); ++place) {
    if (is(editor.node(place), "Reshape")) attention_at(editor, place);
  }
}

}  // namespace sparsmith::passes

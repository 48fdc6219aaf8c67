// Attention as exporters write it: found in its forms, and left alone where something differs.
#include <functional>

#include "builder.h"

namespace sparsmith::test {
namespace {

/// How one exporter writes it, and what may be wrong with it.
struct Form {
  bool divide = false;          ///< by the root, behind the product
  bool scale_operands = false;  ///< both, before the product
  bool turn_twice = false;      ///< keys like queries, then their last two axes
  bool mask_first = false;      ///< operands of the Add
  int mask =
      1;  ///< 0: none, 1: of keys, 2: of queries and keys, 3: stretched, 4 to 6: by Where, 7 and 8: others besides
  bool dynamic = false;  ///< sizes that copy the input's
  bool flat = false;     ///< rows of all the batch, [batch * rows, channels], on both sides
  bool shapes = false;   ///< sizes that are asked of values within
  std::string spoil = {};
};

constexpr int64_t kTokens = 5, kHeads = 3, kDepth = 4;

/// [the first two sizes of a value, more], as exporters ask for them: `of` is read by Shape.
ValueId sizes_of(Builder& b, ValueId of, const std::vector<int64_t>& more) {
  const ValueId shape = b.node("Shape", {of});
  const auto size = [&](int64_t axis) { return b.node("Gather", {shape, b.constant(longs({1}, {axis}))}); };
  return b.node("Concat", {size(0), size(1), b.constant(longs({static_cast<int64_t>(more.size())}, more))},
                {{"axis", int64_t{0}}});
}

ValueId heads_of(Builder& b, ValueId x, const Form& form, std::vector<int64_t> perm, int64_t heads = kHeads) {
  const std::vector<int64_t> cut = form.flat      ? std::vector<int64_t>{-1, kTokens, heads, 12 / heads}
                                   : form.dynamic ? std::vector<int64_t>{0, 0, heads, -1}
                                                  : std::vector<int64_t>{0, kTokens, heads, 12 / heads};
  const bool asked = form.shapes && !form.flat;
  const ValueId parts =
      b.node("Reshape", {x, asked ? sizes_of(b, x, {heads, 12 / heads}) : b.constant(longs({4}, cut))});
  return b.node("Transpose", {parts}, {{"perm", std::move(perm)}});
}

Graph model(const Form& form, int64_t opset = 17) {
  Builder b(opset);
  const ValueId x = b.input("x", {-1, kTokens, 12}), other = b.input("z", {-1, kTokens, 12});
  const auto laid = [&](ValueId rows) {
    return form.flat ? b.node("Reshape", {rows, b.constant(longs({2}, {-1, 12}))}) : rows;
  };
  const ValueId q = b.node("Add", {laid(x), b.random({12})}), k = b.node("Mul", {laid(other), b.random({12})});
  const ValueId v = b.node("Sub", {laid(other), b.random({12})});
  const bool mixed = form.spoil == "heads";
  ValueId queries = heads_of(b, q, form, {0, 2, 1, 3});
  ValueId keys = form.turn_twice ? b.node("Transpose", {heads_of(b, k, form, {0, 2, 1, 3})},
                                          {{"perm", std::vector<int64_t>{0, 1, 3, 2}}})
                                 : heads_of(b, k, form, {0, 2, 3, 1});
  if (form.scale_operands) {
    queries = b.node("Mul", {queries, b.number(0.7f)});
    keys = b.node("Mul", {b.number(0.7f), keys});
  }
  ValueId scores = b.node("MatMul", {queries, keys});
  if (form.divide) scores = b.node("Div", {scores, b.number(2)});
  const ValueId raw = scores;
  if (form.mask > 3) {
    ValueId masked = b.node("Reshape", {b.mean(other, {2}), b.constant(longs({4}, {-1, 1, 1, kTokens}))});
    masked = b.node("Less", {masked, b.number(0)});
    if (form.mask == 6) masked = b.node("Expand", {masked, b.node("Shape", {scores})});
    const ValueId low = b.number(form.mask == 5 ? -INFINITY : -3e38f);
    scores = b.node("Where", form.mask == 5 ? std::vector{masked, scores, low} : std::vector{masked, low, scores});
  } else if (form.mask > 0) {
    ValueId mask = form.mask == 2 ? b.random({1, kTokens, kTokens}) : b.random({1, 1, kTokens});
    if (form.mask == 3) mask = b.node("Expand", {mask, b.node("Shape", {scores})});
    scores = b.node("Add", form.mask_first ? std::vector{mask, scores} : std::vector{scores, mask});
  }
  if (form.mask > 6) {
    const ValueId bias = b.random({1, kHeads, kTokens, kTokens});
    scores = b.node("Add", {scores, bias});
    if (form.mask == 8) scores = b.node("Add", {b.random({kTokens}), scores});
  }
  const int64_t axis = form.spoil == "axis" ? 2 : -1;
  if (opset >= 13 || form.spoil == "axis") {
    scores = b.node("Softmax", {scores}, {{"axis", axis}});
  } else {
    scores = b.node("Softmax", {scores}, {{"axis", int64_t{3}}});
  }
  const ValueId values = mixed ? b.node("Reshape", {v, b.constant(longs({4}, {-1, kHeads, kTokens, kDepth}))})
                               : heads_of(b, v, form, {0, 2, 1, 3});
  const ValueId context = b.node("MatMul", {scores, values});
  const std::vector<int64_t> back =
      form.spoil == "order" ? std::vector<int64_t>{0, 2, 3, 1} : std::vector<int64_t>{0, 2, 1, 3};
  const ValueId turned = b.node("Transpose", {context}, {{"perm", back}});
  std::vector<int64_t> join = form.dynamic ? std::vector<int64_t>{0, 0, -1} : std::vector<int64_t>{0, kTokens, 12};
  if (form.flat) join = {-1, 12};
  const bool asked = form.shapes && !form.flat;
  const ValueId joined =
      asked ? sizes_of(b, turned, {12}) : b.constant(longs({static_cast<int64_t>(join.size())}, join));
  b.graph.outputs = {b.node("Reshape", {turned, joined})};
  if (form.spoil == "output") b.graph.outputs.push_back(raw);
  if (form.spoil == "reader") b.graph.outputs.push_back(b.node("Neg", {context}));
  return b.graph;
}

/// What is left but for what makes masks and lays rows.
std::string found_in(const Form& form, int64_t opset) {
  std::string left = left_of(model(form, opset));
  const auto drop = [&](const std::string& word) {
    for (size_t at; (at = left.find(word + " ")) != std::string::npos;) left.erase(at, word.size() + 1);
  };
  for (const char* const word : {"Less", "ReduceMean", "Reshape", "Where"}) drop(word);
  return left;
}

TEST(RecogniseAttention, InEveryForm) {
  for (const int64_t opset : kOpsets) {
    for (int bits = 0; bits < 128; ++bits) {
      for (int mask = 0; mask < 9; ++mask) {
        const Form form{.divide = (bits & 1) != 0,
                        .scale_operands = (bits & 2) != 0,
                        .turn_twice = (bits & 4) != 0,
                        .mask_first = (bits & 8) != 0,
                        .mask = mask,
                        .dynamic = (bits & 16) != 0,
                        .flat = (bits & 32) != 0,
                        .shapes = (bits & 64) != 0};
        ASSERT_EQ(found_in(form, opset), mask > 7   ? "Add Add Add Mul Sub sparsmith.Attention"
                                         : mask > 6 ? "Add Add Mul Sub sparsmith.Attention"
                                                    : "Add Mul Sub sparsmith.Attention")
            << "opset " << opset << ", form " << bits << ", mask " << mask;
      }
    }
  }
}

/// One cut for all three operands.
TEST(RecogniseAttention, OfOneCut) {
  Builder b;
  const ValueId x = b.input("x", {-1, kTokens, 12});
  const ValueId rows = b.node("Reshape", {x, b.constant(longs({2}, {-1, 12}))});
  const ValueId parts = b.node("Reshape", {rows, b.constant(longs({4}, {-1, kTokens, kHeads, kDepth}))});
  const auto turned = [&](ValueId of, std::vector<int64_t> perm) {
    return b.node("Transpose", {of}, {{"perm", std::move(perm)}});
  };
  ValueId y = b.node("MatMul", {turned(parts, {0, 2, 1, 3}), turned(parts, {0, 2, 3, 1})});
  y = b.node("MatMul", {b.node("Softmax", {y}), turned(parts, {0, 2, 1, 3})});
  b.graph.outputs = {b.node("Reshape", {turned(y, {0, 2, 1, 3}), b.constant(longs({2}, {-1, 12}))})};
  EXPECT_NE(left_of(b.graph).find("sparsmith.Attention"), std::string::npos);
}

TEST(RecogniseAttention, KeepsNumbers) {
  const Graph found = check(model({.divide = true, .scale_operands = true}));
  for (const graph::Node& node : found.nodes) {
    if (node.op != "Attention") continue;
    EXPECT_EQ(std::get<int64_t>(node.attributes.at("heads")), kHeads);
    EXPECT_FLOAT_EQ(std::get<float>(node.attributes.at("scale")), 0.7f * 0.7f / 2);
    EXPECT_EQ(node.inputs.size(), 4u);
  }
}

TEST(RecogniseAttention, LeavesOthersAlone) {
  for (const char* const spoil : {"axis", "order", "heads", "output", "reader"}) {
    EXPECT_EQ(left_of(model({.spoil = spoil})).find("Attention"), std::string::npos) << spoil;
  }
}

/// A mask with more batches than the scores makes more of them.
TEST(RecogniseAttention, NeedsScoresOfTheirOwnShape) {
  Builder b;
  const ValueId x = b.input("x", {1, kTokens, 12});
  const Form form;
  ValueId scores = b.node("MatMul", {heads_of(b, x, form, {0, 2, 1, 3}), heads_of(b, x, form, {0, 2, 3, 1})});
  scores = b.node("Add", {scores, b.random({2, 1, 1, kTokens})});
  scores = b.node("Softmax", {scores}, {{"axis", int64_t{-1}}});
  const ValueId context = b.node("MatMul", {scores, heads_of(b, x, form, {0, 2, 1, 3})});
  const ValueId turned = b.node("Transpose", {context}, {{"perm", std::vector<int64_t>{0, 2, 1, 3}}});
  b.graph.outputs = {b.node("Reshape", {turned, b.constant(longs({3}, {2, kTokens, 12}))})};
  EXPECT_EQ(left_of(b.graph).find("Attention"), std::string::npos);
}

}  // namespace
}  // namespace sparsmith::test

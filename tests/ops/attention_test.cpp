// Attention of several heads against its formula, step by step through ONNX's own operators.
#include <cmath>

#include "ops/layer.h"
#include "random_tensor.h"

namespace sparsmith::test {
namespace {

using graph::Tensor;

Tensor longs_of(const std::vector<int64_t>& values) { return longs({static_cast<int64_t>(values.size())}, values); }

/// [batch, rows, heads * channels] as [batch, heads, rows, channels] in the order that `perm` makes of it.
Tensor heads_of(const Tensor& rows, int64_t heads, const std::vector<int64_t>& perm) {
  const std::vector<int64_t> cut{rows.shape[0], rows.shape[1], heads, rows.shape[2] / heads};
  const Tensor parts = result_of({.op = "Reshape", .inputs = {rows, longs_of(cut)}});
  return result_of({.op = "Transpose", .inputs = {parts}, .attributes = {{"perm", perm}}});
}

Tensor step_by_step(const NodeCase& attention) {
  const int64_t heads = std::get<int64_t>(attention.attributes.at("heads"));
  const Tensor &q = *attention.inputs[0], &v = *attention.inputs[2];
  Tensor scores =
      result_of({.op = "MatMul",
                 .inputs = {heads_of(q, heads, {0, 2, 1, 3}), heads_of(*attention.inputs[1], heads, {0, 2, 3, 1})}});
  const float scale = std::get<float>(attention.attributes.at("scale"));
  scores = result_of({.op = "Mul", .inputs = {scores, floats({}, {scale})}});
  if (attention.inputs.size() > 3) scores = result_of({.op = "Add", .inputs = {scores, attention.inputs[3]}});
  scores = result_of({.op = "Softmax", .inputs = {scores}, .attributes = {{"axis", int64_t{-1}}}});
  Tensor y = result_of({.op = "MatMul", .inputs = {scores, heads_of(v, heads, {0, 2, 1, 3})}});
  y = result_of({.op = "Transpose", .inputs = {y}, .attributes = {{"perm", std::vector<int64_t>{0, 2, 1, 3}}}});
  return result_of({.op = "Reshape", .inputs = {y, longs_of({q.shape[0], q.shape[1], v.shape[2]})}});
}

NodeCase attention(int64_t batch, int64_t queries, int64_t keys, int64_t heads, int64_t depth, int64_t width) {
  return {.op = "Attention",
          .domain = ops::kLayerDomain,
          .inputs = {random_floats({batch, queries, heads * depth}, 1), random_floats({batch, keys, heads * depth}, 2),
                     random_floats({batch, keys, heads * width}, 3)},
          .attributes = {{"heads", heads}, {"scale", 0.7f}}};
}

void expect_close(const Tensor& actual, const Tensor& expected) {
  ASSERT_EQ(actual.shape, expected.shape);
  for (int64_t i = 0; i < actual.size(); ++i) {
    const float a = actual.as<float>()[static_cast<size_t>(i)], e = expected.as<float>()[static_cast<size_t>(i)];
    if (std::isnan(e)) {
      EXPECT_TRUE(std::isnan(a)) << i;
    } else {
      EXPECT_NEAR(a, e, 1e-5) << i;
    }
  }
}

TEST(Attention, IsItsFormula) {
  const int64_t sizes[][6] = {{1, 5, 5, 3, 4, 4}, {2, 3, 7, 2, 5, 3}, {3, 1, 1, 1, 1, 1}, {2, 9, 4, 4, 2, 8}};
  for (const auto& s : sizes) {
    const NodeCase plain = attention(s[0], s[1], s[2], s[3], s[4], s[5]);
    expect_close(result_of(plain), step_by_step(plain));
    const std::vector<int64_t> masks[] = {{s[0], 1, 1, s[2]}, {s[1], s[2]}, {s[0], s[3], s[1], s[2]}, {1, s[3], 1, 1}};
    for (const auto& shape : masks) {
      NodeCase masked = plain;
      masked.inputs.push_back(random_floats(shape, 4));
      expect_close(result_of(masked), step_by_step(masked));
    }
  }
}

TEST(Attention, LeavesOutWhatIsMaskedByInfinity) {
  NodeCase masked = attention(1, 2, 3, 1, 2, 2);
  masked.inputs.push_back(floats({2, 3}, {0, -INFINITY, 0, -INFINITY, -INFINITY, -INFINITY}));
  const Tensor y = result_of(masked);
  expect_close(y, step_by_step(masked));
  EXPECT_TRUE(std::isfinite(y.as<float>()[0]));
  EXPECT_TRUE(std::isnan(y.as<float>()[2]));
}

TEST(Attention, SaysWhatDoesNotFit) {
  NodeCase bad = attention(2, 3, 4, 2, 4, 4);
  bad.attributes["heads"] = int64_t{3};
  expect_bad(bad, "in 3 heads");
  bad.attributes["heads"] = int64_t{0};
  expect_bad(bad, "in 0 heads");
  bad = attention(2, 3, 4, 2, 4, 4);
  bad.inputs[2] = random_floats({2, 5, 8}, 1);
  expect_bad(bad, "values float32 [2, 5, 8]");
  bad = attention(2, 3, 4, 2, 4, 4);
  bad.inputs[1] = random_floats({1, 4, 8}, 1);
  expect_bad(bad, "keys float32 [1, 4, 8]");
  bad = attention(2, 3, 4, 2, 4, 4);
  bad.inputs.push_back(random_floats({3, 3}, 1));
  expect_bad(bad, "mask float32 [3, 3]");
  bad.inputs.back() = random_floats({2, 2, 2, 3, 4}, 1);
  expect_bad(bad, "doesn't stretch to [2, 2, 3, 4]");
}

}  // namespace
}  // namespace sparsmith::test

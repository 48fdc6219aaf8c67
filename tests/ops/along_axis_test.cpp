// Operators along one axis.
#include <cmath>
#include <limits>

#include "random_tensor.h"

namespace sparsmith::test {
namespace {

using testing::ElementsAre;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

TEST(Extremes, TheirIndicesOnEveryAxis) {
  const std::vector<int64_t> shape{3, 4, 300};
  graph::Tensor x = random_floats(shape, 1);
  for (float& value : x.as<float>()) value = std::round(value);  // many are equal
  for (const bool largest : {false, true}) {
    for (const int64_t last : {0, 1}) {
      for (int64_t axis = -3; axis < 3; ++axis) {
        const int64_t d = axis < 0 ? axis + 3 : axis, count = shape[d];
        const int64_t inner = d == 0 ? 1200 : d == 1 ? 300 : 1;
        const auto y = result_of({.op = largest ? "ArgMax" : "ArgMin",
                                  .inputs = {x},
                                  .attributes = {{"axis", axis}, {"select_last_index", last}, {"keepdims", last}}});
        ASSERT_EQ(y.type, graph::ElementType::i64);
        ASSERT_EQ(y.shape.size(), last != 0 ? 3u : 2u);
        for (int64_t i = 0; i < y.size(); ++i) {
          const float* const from = x.as<float>().data() + i / inner * count * inner + i % inner;
          int64_t best = 0;
          for (int64_t k = 1; k < count; ++k) {
            const float a = from[k * inner], b = from[best * inner];
            if ((largest ? a > b : a < b) || (last != 0 && a == b)) best = k;
          }
          ASSERT_EQ(y.as<int64_t>()[i], best);
        }
      }
    }
  }
}

TEST(Extremes, NotANumberComesFirst) {
  const auto x = floats({5}, {1, kNan, 9, kNan, -9});
  for (const char* op : {"ArgMax", "ArgMin"}) {
    EXPECT_EQ(result_of({.op = op, .inputs = {x}}).as<int64_t>()[0], 1);
    EXPECT_EQ(result_of({.op = op, .inputs = {x}, .attributes = {{"select_last_index", int64_t{1}}}}).as<int64_t>()[0],
              3);
  }
  EXPECT_EQ(result_of({.op = "ArgMax", .inputs = {longs({3}, {1, 3, 2})}}).as<int64_t>()[0], 1);
  expect_bad({.op = "ArgMax", .inputs = {floats({0}, {})}}, "the extreme of no elements");
  expect_bad({.op = "ArgMax", .inputs = {booleans({1}, {1})}}, "float32, int64 and int32");
}

TEST(TopK, InOrderWithIndices) {
  const auto run = [](const graph::Tensor& x, int64_t k, Attributes attributes) {
    auto results =
        run_node({.op = "TopK", .inputs = {x, longs({1}, {k})}, .attributes = std::move(attributes), .outputs = 2});
    if (!results) throw std::runtime_error(results.error().message);
    return *results;
  };
  const auto x = floats({2, 4}, {3, 1, 4, 1, 5, 9, 2, 6});
  auto y = run(x, 2, {});
  EXPECT_THAT(y[0].shape, ElementsAre(2, 2));
  EXPECT_THAT(elements<float>(y[0]), ElementsAre(4, 3, 9, 6));
  EXPECT_THAT(elements<int64_t>(y[1]), ElementsAre(2, 0, 1, 3));
  y = run(x, 3, {{"largest", int64_t{0}}});
  EXPECT_THAT(elements<float>(y[0]), ElementsAre(1, 1, 3, 2, 5, 6));
  EXPECT_THAT(elements<int64_t>(y[1]), ElementsAre(1, 3, 0, 2, 0, 3));
  y = run(x, 1, {{"axis", int64_t{0}}});
  EXPECT_THAT(elements<float>(y[0]), ElementsAre(5, 9, 4, 6));
  EXPECT_THAT(elements<int64_t>(y[1]), ElementsAre(1, 1, 0, 1));
  y = run(floats({4}, {1, kNan, 7, kNan}), 3, {});
  EXPECT_THAT(elements<int64_t>(y[1]), ElementsAre(1, 3, 2));
  y = run(floats({4}, {1, kNan, 7, kNan}), 3, {{"largest", int64_t{0}}});
  EXPECT_THAT(elements<int64_t>(y[1]), ElementsAre(0, 2, 1));
  y = run(longs({3}, {5, INT64_MAX, INT64_MIN}), 3, {});
  EXPECT_THAT(elements<int64_t>(y[0]), ElementsAre(INT64_MAX, 5, INT64_MIN));
  EXPECT_EQ(run(x, 0, {})[0].size(), 0);
}

TEST(TopK, KIsAnAttributeBeforeOpset10) {
  const auto x = floats({3}, {1, 3, 2});
  EXPECT_THAT(elements<float>(result_of({.op = "TopK", .inputs = {x}, .attributes = {{"k", int64_t{2}}}, .opset = 9})),
              ElementsAre(3, 2));
  expect_bad({.op = "TopK", .inputs = {x}, .opset = 9}, "k = [-1]");
  expect_bad({.op = "TopK", .inputs = {x, longs({1}, {4})}}, "from 0 to 3");
  expect_bad({.op = "TopK", .inputs = {x, longs({2}, {1, 1})}}, "k = [1, 1]");
  expect_bad({.op = "TopK", .inputs = {x, longs({1}, {1})}, .constants = false}, "must be a constant");
}

TEST(CumSum, InBothDirectionsWithAndWithoutItself) {
  const auto run = [](int64_t axis, int64_t exclusive, int64_t reverse) {
    return elements<float>(result_of({.op = "CumSum",
                                      .inputs = {floats({2, 3}, {1, 2, 3, 10, 20, 30}), longs({}, {axis})},
                                      .attributes = {{"exclusive", exclusive}, {"reverse", reverse}}}));
  };
  EXPECT_THAT(run(1, 0, 0), ElementsAre(1, 3, 6, 10, 30, 60));
  EXPECT_THAT(run(-1, 1, 0), ElementsAre(0, 1, 3, 0, 10, 30));
  EXPECT_THAT(run(1, 0, 1), ElementsAre(6, 5, 3, 60, 50, 30));
  EXPECT_THAT(run(1, 1, 1), ElementsAre(5, 3, 0, 50, 30, 0));
  EXPECT_THAT(run(0, 0, 0), ElementsAre(1, 2, 3, 11, 22, 33));
  EXPECT_THAT(run(-2, 1, 1), ElementsAre(10, 20, 30, 0, 0, 0));
  EXPECT_EQ(result_of({.op = "CumSum", .inputs = {longs({2}, {INT64_MAX, 1}), longs({1}, {0})}}).as<int64_t>()[1],
            INT64_MIN);
  expect_bad({.op = "CumSum", .inputs = {floats({1}, {1}), longs({}, {1})}}, "axis 1 of 1 dimensions");
  expect_bad({.op = "CumSum", .inputs = {floats({1}, {1}), longs({2}, {0, 0})}}, "one number is expected");
}

}  // namespace
}  // namespace sparsmith::test

// Gather and Trilu, and the operators of truth values.
#include "run_node.h"

namespace sparsmith::test {
namespace {

using testing::ElementsAre;

TEST(Select, GatherAlongEachAxis) {
  const auto x = floats({2, 3}, {0, 1, 2, 3, 4, 5});
  const auto gather = [&](int64_t axis, const graph::Tensor& indices, bool constants = true) {
    return result_of({.op = "Gather", .inputs = {x, indices}, .attributes = {{"axis", axis}}, .constants = constants});
  };
  EXPECT_EQ(gather(0, longs({}, {-1})), floats({3}, {3, 4, 5}));
  EXPECT_EQ(gather(1, longs({2, 2}, {2, 0, -3, 1})), floats({2, 2, 2}, {2, 0, 0, 1, 5, 3, 3, 4}));
  EXPECT_EQ(gather(-1, tensor_of<int32_t>(graph::ElementType::i32, {1}, {1})), floats({2, 1}, {1, 4}));
  EXPECT_EQ(gather(0, longs({0}, {})), floats({0, 3}, {}));
  // Computed ones can't be refused: they stay within the input.
  EXPECT_EQ(gather(0, longs({3}, {INT64_MAX, INT64_MIN, -1}), false), floats({3, 3}, {3, 4, 5, 0, 1, 2, 3, 4, 5}));
  expect_bad({.op = "Gather", .inputs = {x, longs({1}, {2})}}, "chooses number 2 along axis 0");
  expect_bad({.op = "Gather", .inputs = {x, longs({1}, {-3})}}, "chooses number -3");
  expect_bad({.op = "Gather", .inputs = {x, floats({1}, {0})}}, "int64 or int32");
  expect_bad({.op = "Gather", .inputs = {floats({0}, {}), longs({1}, {0})}, .constants = false}, "empty");
}

TEST(Select, Trilu) {
  const auto x = floats({3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9});
  const auto triangle = [&](int64_t upper, int64_t k) {
    return elements<float>(result_of({.op = "Trilu", .inputs = {x, longs({}, {k})}, .attributes = {{"upper", upper}}}));
  };
  EXPECT_THAT(triangle(1, 0), ElementsAre(1, 2, 3, 0, 5, 6, 0, 0, 9));
  EXPECT_THAT(triangle(1, 1), ElementsAre(0, 2, 3, 0, 0, 6, 0, 0, 0));
  EXPECT_THAT(triangle(0, 0), ElementsAre(1, 0, 0, 4, 5, 0, 7, 8, 9));
  EXPECT_THAT(triangle(0, -1), ElementsAre(0, 0, 0, 4, 0, 0, 7, 8, 0));
  EXPECT_THAT(triangle(0, INT64_MAX), ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 9));
  EXPECT_THAT(triangle(1, INT64_MAX), testing::Each(0));
  EXPECT_EQ(elements<float>(result_of({.op = "Trilu", .inputs = {x}})), triangle(1, 0));
  expect_bad({.op = "Trilu", .inputs = {floats({1}, {1})}}, "matrices");
}

TEST(Select, TruthValues) {
  const auto a = booleans({4}, {1, 1, 0, 0}), b = booleans({4}, {1, 0, 1, 0});
  EXPECT_THAT(elements<uint8_t>(result_of({.op = "And", .inputs = {a, b}})), ElementsAre(1, 0, 0, 0));
  EXPECT_THAT(elements<uint8_t>(result_of({.op = "Or", .inputs = {a, b}})), ElementsAre(1, 1, 1, 0));
  EXPECT_THAT(elements<uint8_t>(result_of({.op = "Xor", .inputs = {a, b}})), ElementsAre(0, 1, 1, 0));
  EXPECT_THAT(elements<uint8_t>(result_of({.op = "Not", .inputs = {b}})), ElementsAre(0, 1, 0, 1));
  expect_bad({.op = "Not", .inputs = {floats({1}, {1})}}, "bool is expected");
  expect_bad({.op = "And", .inputs = {floats({1}, {1}), floats({1}, {1})}}, "bool is expected");
}

}  // namespace
}  // namespace sparsmith::test

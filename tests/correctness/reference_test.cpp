// What compare() says of a Y that is off by a known amount: a test is as good as its judge.
#include "kernels/reference.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace sparsmith {
namespace {

/// A [2, 3] result whose first element is a difference of large terms.
Reference small_reference() {
  return {.m = 2, .n = 3, .y = {1, 2, -3, 0, 5, 6}, .magnitude = {8, 2, 3, 0, 5, 6}, .row_nnz = {4, 1}};
}

Deviation deviation_of(std::vector<float> y) {
  RunArgs args;
  args.n = 3;
  args.y = y.data();
  return compare(small_reference(), Problem{}, args);
}

TEST(Compare, ExactResultsDeviateByNothing) {
  const Deviation deviation = deviation_of({1, 2, -3, 0, 5, 6});
  EXPECT_TRUE(deviation.ok());
  EXPECT_EQ(deviation.worst, 0);
  EXPECT_EQ(deviation.max_relative, 0);
  EXPECT_EQ(deviation.max_of_largest, 0);
}

TEST(Compare, MeasuresErrorsByTheElementsOwnAndByTheLargestMagnitude) {
  const Deviation deviation = deviation_of({1, 2, -3, 0.5f, 5, 6});
  EXPECT_FALSE(deviation.ok());
  EXPECT_EQ(deviation.row, 1);
  EXPECT_EQ(deviation.column, 0);
  EXPECT_EQ(deviation.expected, 0);
  EXPECT_EQ(deviation.actual, 0.5);
  EXPECT_DOUBLE_EQ(deviation.max_of_largest, 0.5 / 8);
  EXPECT_DOUBLE_EQ(deviation_of({1, 2, -3, 0, 5, 7.5f}).max_relative, 1.5 / 6);
}

TEST(Compare, NothingMakesUpForANanOrAnInfinityWhereThereIsNone) {
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float wrong : {infinity, -infinity, std::numeric_limits<float>::quiet_NaN()}) {
    const Deviation deviation = deviation_of({1, 2, -3, 0, wrong, 6});
    EXPECT_FALSE(deviation.ok()) << wrong;
    EXPECT_TRUE(std::isinf(deviation.max_of_largest)) << wrong;
  }
}

}  // namespace
}  // namespace sparsmith

#include <gmock/gmock.h>

#include <numeric>

#include "sparsmith/pattern.h"

namespace sparsmith {
namespace {

TEST(PatternStats, CountsRowsAndColumns) {
  //  . x . . x
  //  . . . . .
  //  x . . x x
  const PatternStats s = pattern_stats(Pattern::create(3, 5, {0, 2, 2, 5}, {1, 4, 0, 3, 4}).value());
  EXPECT_EQ(s.rows, 3);
  EXPECT_EQ(s.cols, 5);
  EXPECT_EQ(s.nnz, 5);
  EXPECT_DOUBLE_EQ(s.density, 1.0 / 3);
  EXPECT_EQ(s.empty_rows, 1);
  EXPECT_EQ(s.empty_cols, 1);
  EXPECT_EQ(s.row_min, 0);
  EXPECT_EQ(s.row_max, 3);
  EXPECT_DOUBLE_EQ(s.row_mean, 5.0 / 3);
  EXPECT_NEAR(s.row_stddev, 1.2472191, 1e-6);  // of 2, 0, 3
  EXPECT_EQ(s.col_min, 0);
  EXPECT_EQ(s.col_max, 2);
}

TEST(PatternStats, BinsCoverZeroToTheMaximum) {
  const PatternStats s = pattern_stats(Pattern::create(3, 5, {0, 2, 2, 5}, {1, 4, 0, 3, 4}).value());
  EXPECT_EQ(std::accumulate(s.row_histogram.begin(), s.row_histogram.end(), int64_t{0}), 3);
  EXPECT_EQ(std::accumulate(s.col_histogram.begin(), s.col_histogram.end(), int64_t{0}), 5);
  EXPECT_EQ(s.row_histogram[0], 1);   // 0 nonzeros
  EXPECT_EQ(s.row_histogram[10], 1);  // 2 of 3: 10.67 of 16
  EXPECT_EQ(s.row_histogram[15], 1);  // the maximum
  EXPECT_EQ(s.col_histogram[8], 3);   // 1 of 2
}

TEST(PatternStats, TakesAnEmptyPattern) {
  const PatternStats s = pattern_stats(Pattern::create(2, 7, {0, 0, 0}, {}).value());
  EXPECT_EQ(s.empty_rows, 2);
  EXPECT_EQ(s.empty_cols, 7);
  EXPECT_EQ(s.row_max, 0);
  EXPECT_EQ(s.row_stddev, 0);
  EXPECT_EQ(s.row_histogram[0], 2);
  EXPECT_EQ(s.col_histogram[0], 7);
}

}  // namespace
}  // namespace sparsmith

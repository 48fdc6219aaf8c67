#include <algorithm>
#include <cmath>

#include "sparsmith/pattern.h"

namespace sparsmith {
namespace {

struct Spread {
  int64_t empty = 0, min = 0, max = 0;
  std::array<int64_t, PatternStats::kBins> histogram{};
};

Spread spread_of(const std::vector<int64_t>& counts) {
  Spread s;
  const auto [lightest, heaviest] = std::minmax_element(counts.begin(), counts.end());
  s.min = *lightest;
  s.max = *heaviest;
  s.empty = std::count(counts.begin(), counts.end(), int64_t{0});
  const int64_t width = std::max<int64_t>(s.max, 1);
  // The last bin is closed: it takes the maximum itself.
  for (const int64_t count : counts)
    ++s.histogram[std::min<int64_t>(PatternStats::kBins - 1, count * PatternStats::kBins / width)];
  return s;
}

}  // namespace

PatternStats pattern_stats(const Pattern& pattern) {
  PatternStats stats;
  stats.rows = pattern.rows();
  stats.cols = pattern.cols();
  stats.nnz = pattern.nnz();
  stats.density = pattern.density();

  std::vector<int64_t> by_row(stats.rows), by_col(stats.cols);
  const auto offsets = pattern.row_offsets();
  for (int64_t r = 0; r < stats.rows; ++r) by_row[r] = offsets[r + 1] - offsets[r];
  for (const int32_t c : pattern.columns()) ++by_col[c];

  const Spread rows = spread_of(by_row), cols = spread_of(by_col);
  stats.empty_rows = rows.empty;
  stats.empty_cols = cols.empty;
  stats.row_min = rows.min;
  stats.row_max = rows.max;
  stats.col_min = cols.min;
  stats.col_max = cols.max;
  stats.row_histogram = rows.histogram;
  stats.col_histogram = cols.histogram;

  stats.row_mean = static_cast<double>(stats.nnz) / static_cast<double>(stats.rows);
  double squares = 0;
  for (const int64_t count : by_row) {
    const double d = static_cast<double>(count) - stats.row_mean;
    squares += d * d;
  }
  stats.row_stddev = std::sqrt(squares / static_cast<double>(stats.rows));
  return stats;
}

}  // namespace sparsmith

#include "cli/pattern_class.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace sparsmith::cli {
namespace {

constexpr double kMost = 0.95;

double share(int64_t part, int64_t all) { return all > 0 ? static_cast<double>(part) / static_cast<double>(all) : 0; }

/// The share of nonzeros among the elements of all blocks that hold any.
double block_fill(const Pattern& pattern, int64_t block_rows, int64_t block_columns) {
  const auto offsets = pattern.row_offsets();
  const auto columns = pattern.columns();
  std::vector<int64_t> seen_by(static_cast<size_t>((pattern.cols() + block_columns - 1) / block_columns), -1);
  int64_t elements = 0;
  for (int64_t row = 0; row < pattern.rows(); ++row) {
    const int64_t band = row / block_rows, height = std::min(block_rows, pattern.rows() - band * block_rows);
    for (int64_t i = offsets[static_cast<size_t>(row)]; i < offsets[static_cast<size_t>(row) + 1]; ++i) {
      const int64_t block = columns[static_cast<size_t>(i)] / block_columns;
      if (std::exchange(seen_by[static_cast<size_t>(block)], band) == band) continue;
      elements += height * std::min(block_columns, pattern.cols() - block * block_columns);
    }
  }
  return share(pattern.nnz(), elements);
}

/// The n of n:m, or 0.
int64_t bank_count(const Pattern& pattern, int64_t m) {
  if (pattern.cols() % m != 0) return 0;
  const auto offsets = pattern.row_offsets();
  const auto columns = pattern.columns();
  std::vector<int64_t> groups_with(static_cast<size_t>(m) + 1);
  int64_t groups = 0;
  for (int64_t row = 0; row < pattern.rows(); ++row) {
    int64_t i = offsets[static_cast<size_t>(row)];
    const int64_t end = offsets[static_cast<size_t>(row) + 1];
    if (i == end) continue;
    for (int64_t first = 0; first < pattern.cols(); first += m) {
      const int64_t begin = i;
      while (i < end && columns[static_cast<size_t>(i)] < first + m) ++i;
      ++groups_with[static_cast<size_t>(i - begin)];
      ++groups;
    }
  }
  const auto n = std::ranges::max_element(groups_with) - groups_with.begin();
  return n > 0 && n <= m / 2 && share(groups_with[static_cast<size_t>(n)], groups) >= kMost ? n : 0;
}

}  // namespace

std::string pattern_class(const Pattern& pattern, int64_t taps) {
  if (pattern.density() >= 0.99) return "dense";
  if (pattern.nnz() == 0) return "empty";
  const PatternStats stats = pattern_stats(pattern);
  if (share(stats.nnz, (stats.rows - stats.empty_rows) * (stats.cols - stats.empty_cols)) >= kMost) {
    return "channel-pruned";
  }
  for (const int64_t m : {4, 8, 16}) {
    if (const int64_t n = bank_count(pattern, m); n > 0) return std::to_string(n) + ":" + std::to_string(m);
  }
  std::pair<int64_t, int64_t> best{1, 1};
  for (const int64_t rows : {1, 2, 4, 8, 16, 32}) {
    for (const int64_t columns : {int64_t{1}, int64_t{2}, int64_t{4}, int64_t{8}, int64_t{16}, taps}) {
      const bool fits = rows <= pattern.rows() && columns <= pattern.cols();
      if (!fits || rows * columns < 4 || rows * columns <= best.first * best.second) continue;
      if (block_fill(pattern, rows, columns) >= kMost) best = {rows, columns};
    }
  }
  if (best.first * best.second == 1) return "unstructured";
  return "blocks " + std::to_string(best.first) + "x" + std::to_string(best.second);
}

}  // namespace sparsmith::cli

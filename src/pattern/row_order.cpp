#include "pattern/row_order.h"

#include <algorithm>
#include <numeric>

namespace sparsmith {

std::vector<int32_t> rows_by_count(std::span<const int64_t> row_offsets) {
  std::vector<int32_t> rows(row_offsets.size() - 1);
  std::iota(rows.begin(), rows.end(), 0);
  const auto count = [&](int32_t row) {
    const auto r = static_cast<size_t>(row);
    return row_offsets[r + 1] - row_offsets[r];
  };
  std::stable_sort(rows.begin(), rows.end(), [&](int32_t a, int32_t b) { return count(a) > count(b); });
  return rows;
}

}  // namespace sparsmith

#include "bench/check.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace sparsmith::bench {

Expected expected_product(int64_t m, int64_t n, std::span<const int64_t> row_offsets, std::span<const int32_t> columns,
                          std::span<const float> values, const float* x) {
  Expected expected{std::vector<double>(static_cast<size_t>(m * n)), std::vector<double>(static_cast<size_t>(m * n))};
  for (int64_t row = 0; row < m; ++row) {
    double* const value = expected.value.data() + row * n;
    double* const magnitude = expected.magnitude.data() + row * n;
    for (int64_t at = row_offsets[row]; at < row_offsets[row + 1]; ++at) {
      const double w = values[at];
      const float* const x_row = x + columns[at] * n;
      for (int64_t j = 0; j < n; ++j) {
        value[j] += w * static_cast<double>(x_row[j]);
        magnitude[j] += std::abs(w * static_cast<double>(x_row[j]));
      }
    }
  }
  return expected;
}

double max_relative_error(const Expected& expected, const float* y) {
  double worst = 0;
  for (size_t i = 0; i < expected.value.size(); ++i) {
    const double error = std::abs(static_cast<double>(y[i]) - expected.value[i]);
    if (std::isnan(error)) return std::numeric_limits<double>::infinity();
    // Where every product is 0 the result must be 0: any difference divides to something huge.
    worst = std::max(worst, error == 0 ? 0 : error / std::max(expected.magnitude[i], 1e-30));
  }
  return worst;
}

}  // namespace sparsmith::bench

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

Expected expected_convolution(const SparsmithPeerConv& c, int64_t m, std::span<const int64_t> row_offsets,
                              std::span<const int32_t> columns, std::span<const float> values, const float* x) {
  const int64_t plane = c.out_height * c.out_width;
  const auto size = static_cast<size_t>(c.batch * m * plane);
  Expected expected{std::vector<double>(size), std::vector<double>(size)};
  const int64_t taps = c.kernel_h * c.kernel_w, group_channels = c.channels / c.groups, group_rows = m / c.groups;
  for (int64_t image = 0; image < c.batch; ++image) {
    for (int64_t row = 0; row < m; ++row) {
      for (int64_t at = row_offsets[row]; at < row_offsets[row + 1]; ++at) {
        const double w = values[at];
        const int64_t channel = row / group_rows * group_channels + columns[at] / taps, tap = columns[at] % taps;
        const int64_t dy = tap / c.kernel_w * c.dilation_h - c.pad_top;
        const int64_t dx = tap % c.kernel_w * c.dilation_w - c.pad_left;
        for (int64_t p = 0; p < plane; ++p) {
          const int64_t iy = p / c.out_width * c.stride_h + dy, ix = p % c.out_width * c.stride_w + dx;
          if (iy < 0 || iy >= c.height || ix < 0 || ix >= c.width) continue;
          const double input = x[((image * c.channels + channel) * c.height + iy) * c.width + ix];
          const auto element = static_cast<size_t>((image * m + row) * plane + p);
          expected.value[element] += w * input;
          expected.magnitude[element] += std::abs(w * input);
        }
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

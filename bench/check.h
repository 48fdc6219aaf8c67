/// \file
/// The slow product that every contender is compared with before it is timed; independent of Sparsmith's own code.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bench/peers/peer.h"

namespace sparsmith::bench {

/// Y = W x X in double, with the sum of magnitudes beside each element: what rounding errors are measured against.
struct Expected {
  std::vector<double> value, magnitude;  ///< row-major m x n
};
Expected expected_product(int64_t m, int64_t n, std::span<const int64_t> row_offsets, std::span<const int32_t> columns,
                          std::span<const float> values, const float* x);

/// The same of a convolution; elements lie as in Y, NCHW. The weights' columns are OIHW taps.
Expected expected_convolution(const SparsmithPeerConv& conv, int64_t m, std::span<const int64_t> row_offsets,
                              std::span<const int32_t> columns, std::span<const float> values, const float* x);

/// The largest |y - value| / max(magnitude, tiny); infinity when y holds a NaN where the value is finite. A correct
/// fp32 kernel stays below fp32_tolerance whatever its order of summation.
double max_relative_error(const Expected& expected, const float* y);

/// Summing `terms` products in fp32 in any order: (terms + 1) roundings of 2^-24 each is the worst case.
constexpr double fp32_tolerance(int64_t terms) { return static_cast<double>(terms + 2) * 5.97e-8; }

}  // namespace sparsmith::bench

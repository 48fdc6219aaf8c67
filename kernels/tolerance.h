/// \file
/// How far a computed element may lie from the double reference: written once, for tests and for benchmarks that
/// verify.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

namespace sparsmith {

/// Half the distance between neighbouring numbers near 1: the most that one rounding to T moves a number, relatively.
template <class T>
inline constexpr double kUnitRoundoff = std::numeric_limits<T>::epsilon() / 2.0;

/// The classic bound on a sum of products, independent of its order: each of the row's `row_nnz` fused multiply-adds
/// rounds once, and each rounding errs by at most kUnitRoundoff times the sum of magnitudes, `magnitude` = sum |w||x|
/// and what the epilogue adds. kEpilogueRoundings pays for the start from Y, scale, bias, residual and the longest
/// activation, with 3 to spare for terms of second order.
template <class T>
double tolerance(int64_t row_nnz, double magnitude) {
  constexpr int64_t kEpilogueRoundings = 12;
  const double roundings = static_cast<double>(row_nnz + kEpilogueRoundings);
  // Where results are denormal a rounding errs absolutely.
  return roundings * (kUnitRoundoff<T> * magnitude + std::numeric_limits<T>::denorm_min());
}

/// Activations with an exponential: how far the generated code's own result may lie from the exact one, in ulp of the
/// result, or, where that is smaller, of kLeastRelative. Measured: sigmoid 2.4, SiLU 3.2, tanh 2.6, GELU 5.4 and in
/// tanh form 3.2.
inline constexpr double kActivationUlps = 6;
inline constexpr double kLeastRelative = 0x1p-20;
/// So that tolerance() has room for them beside the sum's own roundings: an ulp is up to two of its unit roundings.
inline constexpr double kActivationRoundings = 2;

}  // namespace sparsmith

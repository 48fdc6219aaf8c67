/// \file
/// e^x and what is made of it, of one float and in a form that compilers vectorise, which calls of std::exp are not: no
/// branches, no fused multiply-adds asked for. NaN stays NaN. Each states the largest error found, in ulp of the result
/// or of 2^-20 where that is larger.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "math/coefficients.h"

namespace sparsmith::ops {
namespace elementary {

inline float magnitude(float x) { return std::bit_cast<float>(std::bit_cast<uint32_t>(x) & 0x7fffffffu); }
inline float with_sign_of(float x, float magnitude) {
  return std::bit_cast<float>(std::bit_cast<uint32_t>(magnitude) | (std::bit_cast<uint32_t>(x) & 0x80000000u));
}
inline float at_least(float least, float x) { return x < least ? least : x; }
inline float at_most(float most, float x) { return x > most ? most : x; }

/// c[0] + c[1] * x + ...
template <class T, size_t kCount>
T polynomial(const float (&c)[kCount], T x) {
  T sum = c[kCount - 1];
  for (size_t k = kCount - 1; k-- > 0;) sum = sum * x + static_cast<T>(c[k]);
  return sum;
}

/// x - n * ln 2, where n is a small whole number.
inline float without_powers(float x, float n) {
  // The first part times n is exact.
  return (x - n * 0.693359375f) + n * 2.12194440e-4f;
}
inline float without_powers(double x, float n) {
  return static_cast<float>(x - static_cast<double>(n) * 0.69314718055994530942);
}

/// e^x of x from -104 to 89: denormal results, 0 and infinity too. In double where the roundings of x itself would
/// show.
template <class T>
float exponential(T x) {
  const float rounded = static_cast<float>(x) * math::kLog2E + math::kRound254, n = rounded - math::kRound254;
  const float r = without_powers(x, n);
  const float p = (polynomial(math::kExp, r) * r + 1) * r + 1;
  // 2^n as a product of two, each of which is a float.
  const auto low_bits = std::bit_cast<uint32_t>(rounded), half = low_bits >> 1;
  return p * std::bit_cast<float>(half << 23) * std::bit_cast<float>((low_bits - half) << 23);
}

/// The normal distribution's tail beyond a >= 0; the ratio in double, whose roundings would show.
inline float normal_tail(float a) {
  const double bounded = static_cast<double>(at_most(math::kMostDeviation, a));
  const auto ratio = static_cast<float>(polynomial(math::kTailP, bounded) / polynomial(math::kTailQ, bounded));
  return exponential(-0.5 * bounded * bounded) * ratio;
}

/// 1 / (1 + e^-x) by e^-|x|.
inline float logistic(float x, float e) { return (x < 0 ? e : 1.0f) / (1 + e); }

}  // namespace elementary

/// 1.3 ulp.
inline float exp(float x) {
  return elementary::exponential(elementary::at_most(89, elementary::at_least(math::kLeastExponent, x)));
}

/// 2.4 ulp.
inline float sigmoid(float x) {
  return elementary::logistic(
      x, elementary::exponential(elementary::at_least(math::kLeastExponent, -elementary::magnitude(x))));
}

/// 3.2 ulp.
inline float silu(float x) { return x * sigmoid(x); }

/// (1 - e) / (1 + e) with e = e^-2|x|, whose difference from 1 is computed without it. 2.7 ulp.
inline float tanh(float x) {
  using namespace elementary;
  const float y = at_least(-20, -2 * magnitude(x));
  const float rounded = y * math::kLog2E + math::kRound127, n = rounded - math::kRound127;
  const float r = without_powers(y, n);
  const float power = std::bit_cast<float>(std::bit_cast<uint32_t>(rounded) << 23);
  const float minus_1 = (polynomial(math::kExp, r) * r + 1) * r * power + (power - 1);
  return with_sign_of(x, magnitude(minus_1 / (minus_1 + 2)));
}

/// 2.6 ulp.
inline float erf(float x) {
  const float a = elementary::magnitude(x), near = a * elementary::polynomial(math::kErf, a * a);
  return elementary::with_sign_of(x, a < 1 ? near : 1 - 2 * elementary::normal_tail(a * 1.41421356f));
}

/// 3.2 ulp.
inline float gelu_erf(float x) {
  const float tail = elementary::normal_tail(elementary::magnitude(x));
  return x * (x < 0 ? tail : 1 - tail);
}

/// 3.2 ulp.
inline float gelu_tanh(float x) {
  const auto a = static_cast<double>(elementary::at_most(math::kMostGelu, elementary::magnitude(x)));
  return x * elementary::logistic(x, elementary::exponential(-a * (math::kGeluC1 + math::kGeluC2 * a * a)));
}

}  // namespace sparsmith::ops

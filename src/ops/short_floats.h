/// \file
/// float16 and bfloat16, which are kept as their bits.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace sparsmith::ops {

struct Half {
  uint16_t bits;
};
struct Bfloat {
  uint16_t bits;
};

inline float widen(Half x) {
  const uint32_t sign = static_cast<uint32_t>(x.bits & 0x8000) << 16, rest = x.bits & 0x7fff;
  if (rest >= 0x7c00) return std::bit_cast<float>(sign | 0x7f800000 | (rest & 0x3ff) << 13);
  if (rest < 0x400) return std::copysign(static_cast<float>(rest) * 0x1p-24f, std::bit_cast<float>(sign));
  return std::bit_cast<float>(sign | ((rest << 13) + (112u << 23)));
}
inline float widen(Bfloat x) { return std::bit_cast<float>(static_cast<uint32_t>(x.bits) << 16); }

/// To the nearest, halves to the even one; what is too large is infinite.
inline Half half_of(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x), sign = bits >> 16 & 0x8000;
  uint32_t rest = bits & 0x7fffffff;
  if (rest > 0x7f800000) {
    rest = 0x7e00 | (rest >> 13 & 0x3ff);
  } else if (rest >= 0x477ff000) {  // 65520
    rest = 0x7c00;
  } else if (rest < 0x38800000) {  // 2^-14: the sum's last place is that of the smallest halves
    rest = std::bit_cast<uint32_t>(std::bit_cast<float>(rest) + 0.5f) - std::bit_cast<uint32_t>(0.5f);
  } else {
    rest = (rest + 0xfff + (rest >> 13 & 1) - (112u << 23)) >> 13;
  }
  return {static_cast<uint16_t>(sign | rest)};
}
inline Bfloat bfloat_of(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  if (x != x) return {static_cast<uint16_t>(bits >> 16 | 0x40)};
  return {static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16)};
}

/// A float32 which rounds to shorter ones as x itself does: inexact ones end in an odd bit.
inline float round_to_odd(long double x) {
  const auto nearest = static_cast<float>(x);
  if (static_cast<long double>(nearest) == x || x != x) return nearest;
  uint32_t bits = std::bit_cast<uint32_t>(nearest);
  if (std::fabs(static_cast<long double>(nearest)) > std::fabs(x)) --bits;  // towards zero
  return std::bit_cast<float>(bits | 1);
}

}  // namespace sparsmith::ops

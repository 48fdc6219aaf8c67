/// \file
/// Arithmetic on untrusted sizes, and the float formats that files hold.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>

#include "sparsmith/result.h"

namespace sparsmith::load {

static_assert(std::endian::native == std::endian::little, "the readers decode little-endian files by copying");

/// a * b for a, b >= 0; nothing past INT64_MAX.
inline std::optional<int64_t> checked_multiply(int64_t a, int64_t b) {
  int64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

/// Elements of an array of this shape. Nothing when a dimension is negative or the product of the nonzero ones is past
/// INT64_MAX: a zero must not hide absurd neighbours.
inline std::optional<int64_t> element_count(std::span<const int64_t> shape) {
  int64_t product = 1;
  bool empty = false;
  for (const int64_t dimension : shape) {
    if (dimension < 0) return std::nullopt;
    if (dimension == 0) {
      empty = true;
      continue;
    }
    const auto next = checked_multiply(product, dimension);
    if (!next) return std::nullopt;
    product = *next;
  }
  return empty ? 0 : product;
}

/// An unsigned little-endian integer at `bytes`, any alignment.
template <class T>
T read_little(const char* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

enum class FloatType : uint8_t { f16, bf16, f32, f64 };

constexpr int64_t size_of(FloatType type) {
  switch (type) {
    case FloatType::f16:
    case FloatType::bf16:
      return 2;
    case FloatType::f32:
      return 4;
    case FloatType::f64:
      break;
  }
  return 8;
}

/// Converts `count` values at `bytes` to fp32, rounding to nearest. NaN and infinities stay; a finite fp64 value that
/// fp32 can't hold is an error that names its index.
Status decode_floats(FloatType type, bool big_endian, const char* bytes, int64_t count, float* out,
                     const std::string& origin);

/// Rounds to fp32; nothing when a finite value is past the largest fp32.
std::optional<float> narrow_to_float(double value);

}  // namespace sparsmith::load

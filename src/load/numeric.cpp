#include "load/numeric.h"

#include <cmath>
#include <limits>

#include "load/messages.h"

namespace sparsmith::load {
namespace {

float half_to_float(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  const uint32_t exponent = (half >> 10) & 0x1fu;
  const uint32_t mantissa = half & 0x3ffu;
  if (exponent == 0) {  // zero or subnormal: mantissa * 2^-24, exact in fp32
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return std::bit_cast<float>(std::bit_cast<uint32_t>(magnitude) | sign);
  }
  const uint32_t wide = exponent == 0x1f ? 0xffu : exponent + (127 - 15);
  return std::bit_cast<float>(sign | wide << 23 | mantissa << 13);
}

float bfloat16_to_float(uint16_t value) { return std::bit_cast<float>(static_cast<uint32_t>(value) << 16); }

uint16_t swap_bytes(uint16_t value) { return __builtin_bswap16(value); }
uint32_t swap_bytes(uint32_t value) { return __builtin_bswap32(value); }
uint64_t swap_bytes(uint64_t value) { return __builtin_bswap64(value); }

template <class Bits, class Convert>
void convert_all(const char* bytes, bool big_endian, int64_t count, float* out, Convert convert) {
  for (int64_t i = 0; i < count; ++i) {
    const Bits bits = read_little<Bits>(bytes + i * static_cast<int64_t>(sizeof(Bits)));
    out[i] = convert(big_endian ? swap_bytes(bits) : bits);
  }
}

}  // namespace

std::optional<float> narrow_to_float(double value) {
  if (!std::isfinite(value)) {
    // By cases, because converting a NaN need not keep its sign.
    if (std::isnan(value)) return std::numeric_limits<float>::quiet_NaN();
    return value > 0 ? std::numeric_limits<float>::infinity() : -std::numeric_limits<float>::infinity();
  }
  if (std::fabs(value) > static_cast<double>(std::numeric_limits<float>::max())) return std::nullopt;
  return static_cast<float>(value);
}

Status decode_floats(FloatType type, bool big_endian, const char* bytes, int64_t count, float* out,
                     const std::string& origin) {
  switch (type) {
    case FloatType::f16:
      convert_all<uint16_t>(bytes, big_endian, count, out, half_to_float);
      break;
    case FloatType::bf16:
      convert_all<uint16_t>(bytes, big_endian, count, out, bfloat16_to_float);
      break;
    case FloatType::f32:
      if (!big_endian) {
        if (count > 0) std::memcpy(out, bytes, static_cast<size_t>(count) * sizeof(float));
      } else {
        convert_all<uint32_t>(bytes, true, count, out, [](uint32_t bits) { return std::bit_cast<float>(bits); });
      }
      break;
    case FloatType::f64:
      for (int64_t i = 0; i < count; ++i) {
        uint64_t bits = read_little<uint64_t>(bytes + i * 8);
        if (big_endian) bits = swap_bytes(bits);
        const double value = std::bit_cast<double>(bits);
        const auto narrow = narrow_to_float(value);
        if (!narrow) {
          return bad_input(join(origin, ": element ", i, " is ", value, ", which fp32 can't hold"),
                           "scale the values to within +-3.4e38");
        }
        out[i] = *narrow;
      }
      break;
  }
  return success();
}

}  // namespace sparsmith::load

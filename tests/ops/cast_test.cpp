// Cast between all element types.
#include <cmath>
#include <limits>

#include "ops/short_floats.h"
#include "run_node.h"

namespace sparsmith::test {
namespace {

using graph::ElementType;
using testing::ElementsAre;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN(), kInf = std::numeric_limits<float>::infinity();
const std::vector<std::pair<int64_t, ElementType>> kTypes = {
    {1, ElementType::f32},   {2, ElementType::u8},   {3, ElementType::i8},   {4, ElementType::u16},
    {5, ElementType::i16},   {6, ElementType::i32},  {7, ElementType::i64},  {9, ElementType::boolean},
    {10, ElementType::f16},  {11, ElementType::f64}, {12, ElementType::u32}, {13, ElementType::u64},
    {16, ElementType::bf16},
};

graph::Tensor cast(const graph::Tensor& x, int64_t to) {
  return result_of({.op = "Cast", .inputs = {x}, .attributes = {{"to", to}}});
}
template <class T>
std::vector<T> cast_floats(const std::vector<float>& x, int64_t to) {
  return elements<T>(cast(floats({static_cast<int64_t>(x.size())}, x), to));
}

TEST(Cast, SmallNumbersSurviveEveryPairOfTypes) {
  const auto x = floats({3}, {0, 1, 100}), truth = floats({3}, {0, 1, 1});
  for (const auto& [from, from_type] : kTypes) {
    for (const auto& [to, to_type] : kTypes) {
      const auto there = cast(cast(x, from), to);
      EXPECT_EQ(there.type, to_type);
      const bool short_of = from_type == ElementType::boolean || to_type == ElementType::boolean;
      EXPECT_EQ(cast(there, 1), short_of ? truth : x) << from << " to " << to;
    }
  }
}

TEST(Cast, FloatsToIntegersAreCutAndDefinedOutsideTheirRange) {
  EXPECT_THAT(cast_floats<int32_t>({2.9f, -2.9f, 3e9f, -3e9f, kNan, -2147483648.0f}, 6),
              ElementsAre(2, -2, INT32_MIN, INT32_MIN, INT32_MIN, INT32_MIN));
  EXPECT_THAT(cast_floats<int64_t>({-1e18f, 1e19f, kInf, -kInf}, 7),
              ElementsAre(static_cast<int64_t>(-1e18f), INT64_MIN, INT64_MIN, INT64_MIN));
  EXPECT_THAT(cast_floats<int8_t>({127, 128, -129, 300, 1e10f}, 3), ElementsAre(127, -128, 127, 44, 0));
  EXPECT_THAT(cast_floats<uint8_t>({255.9f, -1, 256}, 2), ElementsAre(255, 255, 0));
  EXPECT_THAT(cast_floats<uint32_t>({4e9f, -1}, 12), ElementsAre(4000000000u, UINT32_MAX));
  EXPECT_THAT(cast_floats<uint64_t>({1.5e19f, -0.5f, -1, kNan}, 13),
              ElementsAre(static_cast<uint64_t>(1.5e19f), 0, UINT64_MAX, 0));
  EXPECT_THAT(cast_floats<uint8_t>({0, -0.0f, 0.1f, kNan}, 9), ElementsAre(0, 0, 1, 1));
}

/// The value of a float16 or bfloat16 by its definition.
double value_of(uint32_t bits, int exponent_bits, int fraction_bits) {
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = static_cast<int>(bits >> fraction_bits) & ((1 << exponent_bits) - 1);
  const double fraction = std::ldexp(bits & ((1u << fraction_bits) - 1), -fraction_bits);
  const double sign = (bits & 0x8000) != 0 ? -1 : 1;
  if (exponent == (1 << exponent_bits) - 1) return fraction != 0 ? double{kNan} : sign * double{kInf};
  return sign * (exponent == 0 ? std::ldexp(fraction, 1 - bias) : std::ldexp(1 + fraction, exponent - bias));
}

TEST(Cast, EveryShortFloatBothWays) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const float wide_half = ops::widen(ops::Half{half}), wide_bfloat = ops::widen(ops::Bfloat{half});
    const double right_half = value_of(bits, 5, 10), right_bfloat = value_of(bits, 8, 7);
    if (std::isnan(right_half)) {
      EXPECT_TRUE(std::isnan(wide_half) && std::isnan(ops::widen(ops::half_of(wide_half))));
    } else {
      ASSERT_EQ(double{wide_half}, right_half) << bits;
      ASSERT_EQ(ops::half_of(wide_half).bits, half);
    }
    if (std::isnan(right_bfloat)) {
      EXPECT_TRUE(std::isnan(wide_bfloat) && std::isnan(ops::widen(ops::bfloat_of(wide_bfloat))));
    } else {
      ASSERT_EQ(double{wide_bfloat}, right_bfloat) << bits;
      ASSERT_EQ(ops::bfloat_of(wide_bfloat).bits, half);
    }
  }
}

TEST(Cast, RoundsToTheNearestShortFloatAndHalvesToTheEvenOne) {
  // Between each two neighbours: the middle, and just beside it, which only float64 tells apart.
  for (uint32_t bits = 0; bits < 0x7bff; ++bits) {
    const double low = value_of(bits, 5, 10), high = value_of(bits + 1, 5, 10), middle = (low + high) / 2;
    const auto even = static_cast<uint16_t>(bits + bits % 2);
    ASSERT_EQ(ops::half_of(static_cast<float>(middle)).bits, even) << bits;
    const auto near = elements<uint16_t>(cast(
        tensor_of<double>(ElementType::f64, {3}, {std::nextafter(middle, 0), middle, -std::nextafter(middle, high)}),
        10));
    ASSERT_THAT(near, ElementsAre(bits, even, (bits + 1) | 0x8000)) << bits;
  }
  EXPECT_THAT(cast_floats<uint16_t>({65519, 65520, -1e9f, kInf}, 10), ElementsAre(0x7bff, 0x7c00, 0xfc00, 0x7c00));
  EXPECT_THAT(cast_floats<uint16_t>({1.00390625f, 1.01171875f, 3.4e38f}, 16), ElementsAre(0x3f80, 0x3f82, 0x7f80));
  // One above the middle of two bfloat16s, more digits than float32 and float64 have.
  const auto exact = elements<uint16_t>(cast(longs({2}, {0x4040000000000000, 0x4040000000000001}), 16));
  EXPECT_EQ(exact[1], exact[0] + 1);
}

TEST(Cast, CastLikeAndMistakes) {
  EXPECT_EQ(result_of({.op = "CastLike", .inputs = {floats({1}, {2.5f}), longs({}, {0})}}), longs({1}, {2}));
  expect_bad({.op = "Cast", .inputs = {floats({1}, {1})}}, "lacks its attribute to");
  expect_bad({.op = "Cast", .inputs = {floats({1}, {1})}, .attributes = {{"to", int64_t{8}}}}, "to = 8");
}

}  // namespace
}  // namespace sparsmith::test

// Floats to small integers and back.
#include <limits>

#include "run_node.h"

namespace sparsmith::test {
namespace {

using graph::ElementType;
using testing::ElementsAre;

template <class T>
graph::Tensor of(ElementType type, const std::vector<T>& values) {
  return tensor_of(type, {static_cast<int64_t>(values.size())}, values);
}
const auto kU8 = ElementType::u8, kI8 = ElementType::i8;

TEST(Quantize, RoundsToEvenAndSaturates) {
  const auto x = floats({7}, {0.25f, 0.75f, 1.25f, -3, 200, -1000, std::numeric_limits<float>::quiet_NaN()});
  const auto scale = floats({}, {0.5f});
  const auto plain = result_of({.op = "QuantizeLinear", .inputs = {x, scale}});
  EXPECT_EQ(plain.type, kU8);
  EXPECT_THAT(elements<uint8_t>(plain), ElementsAre(0, 2, 2, 0, 255, 0, 0));
  const auto zero = tensor_of<int8_t>(kI8, {}, {-10});
  EXPECT_THAT(elements<int8_t>(result_of({.op = "QuantizeLinear", .inputs = {x, scale, zero}, .opset = 10})),
              ElementsAre(-10, -8, -8, -16, 127, -128, -128));
  const auto wide = result_of(
      {.op = "QuantizeLinear", .inputs = {x, scale}, .attributes = {{"output_dtype", int64_t{5}}}, .opset = 21});
  EXPECT_THAT(elements<int16_t>(wide), ElementsAre(0, 2, 2, -6, 400, -2000, INT16_MIN));
}

TEST(Quantize, ScalesOfAnAxis) {
  const auto x = floats({2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
  const auto scales = floats({2}, {1, 0.1f});
  const auto zeros = of<uint8_t>(kU8, {0, 100});
  EXPECT_THAT(elements<uint8_t>(result_of({.op = "QuantizeLinear", .inputs = {x, scales, zeros}})),
              ElementsAre(1, 2, 130, 140, 5, 6, 170, 180));
  EXPECT_THAT(elements<uint8_t>(result_of(
                  {.op = "QuantizeLinear", .inputs = {x, scales, zeros}, .attributes = {{"axis", int64_t{-1}}}})),
              ElementsAre(1, 120, 3, 140, 5, 160, 7, 180));
}

TEST(Dequantize, EveryType) {
  const auto scale = floats({1}, {0.5f});
  const auto run = [&](const graph::Tensor& x, std::optional<graph::Tensor> zero) {
    return elements<float>(result_of({.op = "DequantizeLinear", .inputs = {x, scale, std::move(zero)}}));
  };
  EXPECT_THAT(run(of<uint8_t>(kU8, {0, 255}), of<uint8_t>(kU8, {128})), ElementsAre(-64, 63.5f));
  EXPECT_THAT(run(of<int8_t>(kI8, {-128, 127}), of<int8_t>(kI8, {-128})), ElementsAre(0, 127.5f));
  EXPECT_THAT(run(of<int8_t>(kI8, {-128, 127}), std::nullopt), ElementsAre(-64, 63.5f));
  EXPECT_THAT(run(of<uint16_t>(ElementType::u16, {65535}), of<uint16_t>(ElementType::u16, {1})), ElementsAre(32767));
  EXPECT_THAT(run(of<int16_t>(ElementType::i16, {-4}), std::nullopt), ElementsAre(-2));
  EXPECT_THAT(run(of<int32_t>(ElementType::i32, {INT32_MAX}), of<int32_t>(ElementType::i32, {INT32_MIN})),
              ElementsAre(2147483648.0f));
  const auto rows = tensor_of<int8_t>(kI8, {2, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_THAT(
      elements<float>(result_of(
          {.op = "DequantizeLinear", .inputs = {rows, floats({2}, {1, 10})}, .attributes = {{"axis", int64_t{0}}}})),
      ElementsAre(1, 2, 3, 40, 50, 60));
}

TEST(Quantization, SaysWhatIsWrong) {
  const auto x = floats({2, 3}, {1, 2, 3, 4, 5, 6});
  expect_bad({.op = "QuantizeLinear", .inputs = {x, floats({2}, {1, 1})}}, "or 3 for axis 1");
  expect_bad({.op = "QuantizeLinear", .inputs = {x, floats({3}, {1, 1, 1})}, .opset = 10}, "one number, is expected");
  expect_bad({.op = "QuantizeLinear", .inputs = {x, floats({3}, {1, 1, 1}), of<uint8_t>(kU8, {1})}}, "the same shape");
  expect_bad({.op = "QuantizeLinear", .inputs = {x, floats({}, {1}), longs({}, {1})}}, "int8, uint8");
  expect_bad({.op = "QuantizeLinear",
              .inputs = {x, floats({3, 1}, {1, 1, 1})},
              .attributes = {{"block_size", int64_t{2}}},
              .opset = 21},
             "block_size");
  expect_bad({.op = "DequantizeLinear", .inputs = {x, floats({}, {1})}}, "dequantises float32");
  expect_bad({.op = "DequantizeLinear", .inputs = {of<int8_t>(kI8, {1}), floats({}, {1}), of<uint8_t>(kU8, {1})}},
             "int8 is expected");
}

}  // namespace
}  // namespace sparsmith::test

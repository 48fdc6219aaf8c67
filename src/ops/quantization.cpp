// Floats to small integers and back: q = round(x / scale) + zero point, and x = (q - zero point) * scale.
#include <limits>

#include "ops/registry.h"

namespace sparsmith::ops {
namespace {

using graph::ElementType;

/// A tensor as [outer, scales, inner]: one scale and zero point for each of the middle dimension.
struct Scales {
  int64_t outer = 1, count = 1, inner = 1;
};

/// The nearest whole number, halves to the even one; past what any Q holds it is just far out. NaN, which integers
/// don't have, is the least. In a form that compilers vectorise: adding 1.5 * 2^23 leaves no room for a fraction.
float round_even(float x) {
  constexpr float kFar = 200000.0f, kRound = 12582912.0f;
  const float most = x < kFar ? x : kFar;
  return ((x > -kFar ? most : -kFar) + kRound) - kRound;
}

template <class Q>
class Quantize final : public Operator {
 public:
  Quantize(Type output, const Scales& scales) : scales_(scales) { outputs_ = {std::move(output)}; }
  void run(std::span<const void* const> inputs, std::span<void* const> outputs) const override {
    const auto *x = static_cast<const float*>(inputs[0]), *scales = static_cast<const float*>(inputs[1]);
    const auto* const zeros = inputs.size() > 2 ? static_cast<const Q*>(inputs[2]) : nullptr;
    auto* y = static_cast<Q*>(outputs[0]);
    constexpr float kLo = std::numeric_limits<Q>::min(), kHi = std::numeric_limits<Q>::max();
    for (int64_t i = 0; i < scales_.outer; ++i) {
      for (int64_t s = 0; s < scales_.count; ++s, x += scales_.inner, y += scales_.inner) {
        const float scale = scales[s], zero = zeros == nullptr ? 0.0f : static_cast<float>(zeros[s]);
        for (int64_t j = 0; j < scales_.inner; ++j) {
          const float q = round_even(x[j] / scale) + zero;
          const float most = q < kHi ? q : kHi;
          y[j] = static_cast<Q>(most > kLo ? most : kLo);
        }
      }
    }
  }

 private:
  Scales scales_;
};

template <class Q>
class Dequantize final : public Operator {
 public:
  Dequantize(Type output, const Scales& scales) : scales_(scales) { outputs_ = {std::move(output)}; }
  void run(std::span<const void* const> inputs, std::span<void* const> outputs) const override {
    const auto* x = static_cast<const Q*>(inputs[0]);
    const auto* const scales = static_cast<const float*>(inputs[1]);
    const auto* const zeros = inputs.size() > 2 ? static_cast<const Q*>(inputs[2]) : nullptr;
    auto* y = static_cast<float*>(outputs[0]);
    using Wide = std::conditional_t<sizeof(Q) == 4, int64_t, int32_t>;  // holds every difference
    for (int64_t i = 0; i < scales_.outer; ++i) {
      for (int64_t s = 0; s < scales_.count; ++s, x += scales_.inner, y += scales_.inner) {
        const float scale = scales[s];
        const Wide zero = zeros == nullptr ? 0 : zeros[s];
        for (int64_t j = 0; j < scales_.inner; ++j) y[j] = static_cast<float>(Wide{x[j]} - zero) * scale;
      }
    }
  }

 private:
  Scales scales_;
};

/// Checks scale and zero point: one of all, or one of each index of the axis.
std::optional<Scales> read_scales(NodeView& node) {
  node.expect_inputs(2, 3);
  node.expect_outputs(1);
  node.expect_element(1, ElementType::f32);
  if (node.opset() >= 21 && node.integer("block_size", 0) != 0) {
    node.fail("has scales by blocks (block_size); one scale, or one for each index of an axis, is supported");
  }
  const Type &x = node.input(0), &scale = node.input(1);
  if (node.ok() && node.has(2) && node.input(2).size() != scale.size()) {
    node.fail("has a scale " + describe(scale) + " and a zero point " + describe(node.input(2)) +
              "; they need the same shape");
  }
  if (!node.ok()) return std::nullopt;
  if (scale.size() == 1 && scale.shape.size() <= 1) return Scales{1, 1, x.size()};
  const auto axis = static_cast<size_t>(node.axis(node.integer("axis", 1), x.shape.size()));
  if (node.ok() && (scale.shape.size() != 1 || node.opset() < 13 || scale.shape[0] != x.shape[axis])) {
    node.fail("has a scale " + describe(scale) + " for " + describe(x) + "; one number" +
              (node.opset() < 13 ? "" : ", or " + std::to_string(x.shape[axis]) + " for axis " + std::to_string(axis)) +
              ", is expected");
  }
  if (!node.ok()) return std::nullopt;
  Scales scales;
  for (size_t i = 0; i < x.shape.size(); ++i) {
    (i < axis ? scales.outer : i == axis ? scales.count : scales.inner) *= x.shape[i];
  }
  return scales;
}

/// Of QuantizeLinear: the zero point's type, else output_dtype in the numbering of ONNX files, else uint8.
ElementType quantized_type(NodeView& node) {
  if (node.has(2)) return node.input(2).element;
  const int64_t number = node.opset() < 21 ? 0 : node.integer("output_dtype", 0);
  if (number == 0) return ElementType::u8;
  const auto type = graph::element_type(number);
  if (type == ElementType::u8 || type == ElementType::i8 || type == ElementType::u16 || type == ElementType::i16) {
    return *type;
  }
  node.fail("has output_dtype " + std::to_string(number) + "; 2, 3, 4 and 5 (uint8, int8, uint16, int16) are known");
  return ElementType::u8;
}

std::unique_ptr<Operator> make_quantize(NodeView& node) {
  node.expect_element(0, ElementType::f32);
  const auto scales = read_scales(node);
  if (!scales) return nullptr;
  Type output{quantized_type(node), node.input(0).shape, nullptr};
  switch (output.element) {
    case ElementType::u8:
      return std::make_unique<Quantize<uint8_t>>(std::move(output), *scales);
    case ElementType::i8:
      return std::make_unique<Quantize<int8_t>>(std::move(output), *scales);
    case ElementType::u16:
      return std::make_unique<Quantize<uint16_t>>(std::move(output), *scales);
    case ElementType::i16:
      return std::make_unique<Quantize<int16_t>>(std::move(output), *scales);
    default:
      node.fail("has a zero point " + describe(node.input(2)) + "; int8, uint8, int16 and uint16 are possible");
      return nullptr;
  }
}

std::unique_ptr<Operator> make_dequantize(NodeView& node) {
  const auto scales = read_scales(node);
  if (!scales) return nullptr;
  const Type& x = node.input(0);
  if (node.has(2)) node.expect_element(2, x.element);
  Type output{ElementType::f32, x.shape, nullptr};
  switch (x.element) {
    case ElementType::u8:
      return std::make_unique<Dequantize<uint8_t>>(std::move(output), *scales);
    case ElementType::i8:
      return std::make_unique<Dequantize<int8_t>>(std::move(output), *scales);
    case ElementType::u16:
      return std::make_unique<Dequantize<uint16_t>>(std::move(output), *scales);
    case ElementType::i16:
      return std::make_unique<Dequantize<int16_t>>(std::move(output), *scales);
    case ElementType::i32:
      return std::make_unique<Dequantize<int32_t>>(std::move(output), *scales);
    default:
      node.fail("dequantises " + describe(x) + "; int8, uint8, int16, uint16 and int32 are possible");
      return nullptr;
  }
}

}  // namespace

void add_quantization(Makers& makers) {
  makers["DequantizeLinear"] = make_dequantize;
  makers["QuantizeLinear"] = make_quantize;
}

}  // namespace sparsmith::ops

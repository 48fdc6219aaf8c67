// Cast: from every element type to every other.
#include <cstring>
#include <limits>

#include "ops/registry.h"
#include "ops/short_floats.h"

namespace sparsmith::ops {
namespace {

using graph::ElementType;

struct Bool {
  uint8_t bits;
};

template <class T>
T widen(T x) {
  return x;
}
uint8_t widen(Bool x) { return x.bits != 0 ? 1 : 0; }

/// What lies within To's range is cut off at the point; everything else, NaN too, is To's smallest value.
template <class To, class From>
To truncated(From x) {
  // Both bounds are powers of two, or zero: exact.
  constexpr From kBelow = static_cast<From>(std::numeric_limits<To>::min());
  constexpr From kEnd = 2 * static_cast<From>(std::numeric_limits<To>::max() / 2 + 1);
  return x >= kBelow && x < kEnd ? static_cast<To>(x) : std::numeric_limits<To>::min();
}

/// C's conversion, defined where C leaves it open: integers wrap around, and floats go to the short integers through
/// int32 and to uint32 through int64, as compiled C does on this architecture.
template <class To, class From>
To convert(From from) {
  const auto x = widen(from);
  using Wide = decltype(x);
  using X = std::remove_const_t<Wide>;
  if constexpr (std::is_same_v<To, Bool>) {
    return {static_cast<uint8_t>(x != 0)};
  } else if constexpr (std::is_same_v<To, Half> || std::is_same_v<To, Bfloat>) {
    float shorter;
    if constexpr (std::is_same_v<X, float>) {
      shorter = x;
    } else {
      shorter = round_to_odd(static_cast<long double>(x));
    }
    if constexpr (std::is_same_v<To, Half>) return half_of(shorter);
    if constexpr (std::is_same_v<To, Bfloat>) return bfloat_of(shorter);
  } else if constexpr (std::is_floating_point_v<X> && std::is_integral_v<To>) {
    if constexpr (sizeof(To) < 4) return static_cast<To>(truncated<int32_t>(x));
    if constexpr (std::is_same_v<To, uint32_t>) return static_cast<To>(truncated<int64_t>(x));
    if constexpr (std::is_same_v<To, uint64_t>) {
      return x < 0 ? static_cast<To>(truncated<int64_t>(x)) : truncated<uint64_t>(x);
    }
    return truncated<std::make_signed_t<To>>(x);
  } else {
    return static_cast<To>(x);
  }
}

template <class To, class From>
class Cast final : public Operator {
 public:
  explicit Cast(Type output) { outputs_ = {std::move(output)}; }
  void run(std::span<const void* const> inputs, std::span<void* const> outputs) const override {
    const From* const x = static_cast<const From*>(inputs[0]);
    To* const y = static_cast<To*>(outputs[0]);
    const int64_t size = outputs_[0].size();
    for (int64_t i = 0; i < size; ++i) y[i] = convert<To>(x[i]);
  }
};

/// visit(an element of the type).
template <class Visit>
std::unique_ptr<Operator> with_type(ElementType type, const Visit& visit) {
  switch (type) {
    case ElementType::f32:
      return visit(float{});
    case ElementType::f64:
      return visit(double{});
    case ElementType::f16:
      return visit(Half{});
    case ElementType::bf16:
      return visit(Bfloat{});
    case ElementType::i8:
      return visit(int8_t{});
    case ElementType::u8:
      return visit(uint8_t{});
    case ElementType::i16:
      return visit(int16_t{});
    case ElementType::u16:
      return visit(uint16_t{});
    case ElementType::i32:
      return visit(int32_t{});
    case ElementType::u32:
      return visit(uint32_t{});
    case ElementType::i64:
      return visit(int64_t{});
    case ElementType::u64:
      return visit(uint64_t{});
    case ElementType::boolean:
      break;
  }
  return visit(Bool{});
}

std::unique_ptr<Operator> cast(NodeView& node, ElementType to) {
  const Type& input = node.input(0);
  if (!node.ok()) return nullptr;
  Type output{to, input.shape, nullptr};
  return with_type(to, [&](auto y) {
    return with_type(input.element, [&](auto x) -> std::unique_ptr<Operator> {
      return std::make_unique<Cast<decltype(y), decltype(x)>>(std::move(output));
    });
  });
}

std::unique_ptr<Operator> make_cast(NodeView& node) {
  node.expect_inputs(1, 1);
  node.expect_outputs(1);
  if (!node.has_attribute("to")) node.fail("lacks its attribute to");
  const int64_t number = node.integer("to", 0);
  const auto to = graph::element_type(number);
  if (node.ok() && !to) {
    node.fail("has to = " + std::to_string(number) +
              ", an element type that isn't supported; numbers of 16 bits and more, 8-bit integers and bool are");
  }
  return node.ok() ? cast(node, *to) : nullptr;
}

std::unique_ptr<Operator> make_cast_like(NodeView& node) {
  node.expect_inputs(2, 2);
  node.expect_outputs(1);
  const ElementType to = node.input(1).element;
  return cast(node, to);
}

}  // namespace

void add_cast(Makers& makers) {
  makers["Cast"] = make_cast;
  makers["CastLike"] = make_cast_like;
}

}  // namespace sparsmith::ops

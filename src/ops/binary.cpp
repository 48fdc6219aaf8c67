// Operators over two or three tensors that stretch to each other's shape.
#include <cmath>
#include <functional>
#include <type_traits>

#include "ops/broadcast.h"
#include "ops/registry.h"

namespace sparsmith::ops {
namespace {

using graph::ElementType;

/// y = f(a, b), element by element.
template <class T, class To, class F>
class Zip final : public Operator {
 public:
  Zip(const Type& a, const Type& b, Type output) : walk_(output.shape, {a.shape, b.shape}) {
    outputs_ = {std::move(output)};
  }
  void run(std::span<const void* const> inputs, std::span<void* const> outputs) const override {
    const T* const a = static_cast<const T*>(inputs[0]);
    const T* const b = static_cast<const T*>(inputs[1]);
    To* const y = static_cast<To*>(outputs[0]);
    const F f;
    walk_.for_each_row([&](int64_t at, const auto& from, int64_t count, const auto& step) {
      const T *row_a = a + from[0], *row_b = b + from[1];
      To* const row_y = y + at;
      // The usual steps as loops of their own, which compilers vectorise; of floats alone, of which there are many.
      if constexpr (std::is_same_v<To, float>) {
        if (step[0] == 1 && step[1] == 1) {
          for (int64_t i = 0; i < count; ++i) row_y[i] = f(row_a[i], row_b[i]);
          return;
        }
        if (step[0] == 1 && step[1] == 0) {
          for (int64_t i = 0; i < count; ++i) row_y[i] = f(row_a[i], row_b[0]);
          return;
        }
      }
      for (int64_t i = 0; i < count; ++i) row_y[i] = static_cast<To>(f(row_a[i * step[0]], row_b[i * step[1]]));
    });
  }

 private:
  Broadcast<2> walk_;
};

/// The shape of a node's inputs `first` and those behind it, stretched.
std::optional<std::vector<int64_t>> common_shape(NodeView& node, size_t first, size_t count) {
  std::vector<std::vector<int64_t>> shapes;
  for (size_t i = first; i < first + count; ++i) shapes.push_back(node.input(i).shape);
  auto shape = broadcast_shape(shapes);
  if (node.ok() && !shape) {
    std::string text;
    for (const auto& one : shapes) text += (text.empty() ? "" : " and ") + graph::shape_text(one);
    node.fail("has inputs of shapes " + text + ", which don't stretch to one");
  }
  return node.ok() ? shape : std::nullopt;
}

template <class T, class To, class F>
std::unique_ptr<Operator> zip(NodeView& node, ElementType result) {
  auto shape = common_shape(node, 0, 2);
  if (!shape) return nullptr;
  return std::make_unique<Zip<T, To, F>>(node.input(0), node.input(1), Type{result, std::move(*shape), nullptr});
}

void expect_pair(NodeView& node) {
  node.expect_inputs(2, 2);
  node.expect_outputs(1);
  if (node.ok() && node.input(0).element != node.input(1).element) {
    node.fail("has inputs of " + describe(node.input(0)) + " and " + describe(node.input(1)) +
              "; one type is expected");
  }
}

/// Of floats, and of the integers that shapes are computed in.
template <class F>
std::unique_ptr<Operator> arithmetic(NodeView& node) {
  expect_pair(node);
  if (!node.ok()) return nullptr;
  switch (node.input(0).element) {
    case ElementType::f32:
      return zip<float, float, F>(node, ElementType::f32);
    case ElementType::i64:
      return zip<int64_t, int64_t, F>(node, ElementType::i64);
    case ElementType::i32:
      return zip<int32_t, int32_t, F>(node, ElementType::i32);
    default:
      node.fail("computes with " + describe(node.input(0)) + "; float32, int64 and int32 are possible");
      return nullptr;
  }
}

template <class F>
std::unique_ptr<Operator> comparison(NodeView& node) {
  expect_pair(node);
  if (!node.ok()) return nullptr;
  switch (node.input(0).element) {
    case ElementType::f32:
      return zip<float, uint8_t, F>(node, ElementType::boolean);
    case ElementType::i64:
      return zip<int64_t, uint8_t, F>(node, ElementType::boolean);
    case ElementType::i32:
      return zip<int32_t, uint8_t, F>(node, ElementType::boolean);
    case ElementType::boolean:
      return zip<uint8_t, uint8_t, F>(node, ElementType::boolean);
    default:
      node.fail("compares " + describe(node.input(0)) + "; float32, int64, int32 and bool are possible");
      return nullptr;
  }
}

template <class F>
std::unique_ptr<Operator> logic(NodeView& node) {
  expect_pair(node);
  node.expect_element(0, ElementType::boolean);
  return node.ok() ? zip<uint8_t, uint8_t, F>(node, ElementType::boolean) : nullptr;
}
struct Xor {
  bool operator()(uint8_t a, uint8_t b) const { return (a != 0) != (b != 0); }
};

// Integers wrap around and divide by zero to zero, as files mustn't stop the process; floats keep NaN.
template <class T>
using Unsigned = std::make_unsigned_t<T>;
struct Add {
  float operator()(float a, float b) const { return a + b; }
  template <class T>
  T operator()(T a, T b) const {
    return static_cast<T>(static_cast<Unsigned<T>>(a) + static_cast<Unsigned<T>>(b));
  }
};
struct Sub {
  float operator()(float a, float b) const { return a - b; }
  template <class T>
  T operator()(T a, T b) const {
    return static_cast<T>(static_cast<Unsigned<T>>(a) - static_cast<Unsigned<T>>(b));
  }
};
struct Mul {
  float operator()(float a, float b) const { return a * b; }
  template <class T>
  T operator()(T a, T b) const {
    return static_cast<T>(static_cast<Unsigned<T>>(a) * static_cast<Unsigned<T>>(b));
  }
};
struct Div {
  float operator()(float a, float b) const { return a / b; }
  template <class T>
  T operator()(T a, T b) const {
    return b == 0 ? 0 : b == -1 ? Sub{}(T{0}, a) : static_cast<T>(a / b);
  }
};
struct Max {
  template <class T>
  T operator()(T a, T b) const {
    return a > b || a != a ? a : b;
  }
};
struct Min {
  template <class T>
  T operator()(T a, T b) const {
    return a < b || a != a ? a : b;
  }
};
struct Power {
  float operator()(float a, float b) const { return b == 2 ? a * a : std::pow(a, b); }
};

std::unique_ptr<Operator> make_pow(NodeView& node) {
  expect_pair(node);
  node.expect_element(0, ElementType::f32);
  return node.ok() ? zip<float, float, Power>(node, ElementType::f32) : nullptr;
}

/// y = x < 0 ? slope * x : x; the slope stretches to x.
struct Slope {
  float operator()(float x, float slope) const { return x < 0 ? slope * x : x; }
};
std::unique_ptr<Operator> make_prelu(NodeView& node) {
  expect_pair(node);
  node.expect_element(0, ElementType::f32);
  const auto shape = common_shape(node, 0, 2);
  if (shape && *shape != node.input(0).shape) {
    node.fail("has a slope of shape " + graph::shape_text(node.input(1).shape) + ", which doesn't stretch to " +
              describe(node.input(0)));
  }
  return node.ok() ? zip<float, float, Slope>(node, ElementType::f32) : nullptr;
}

template <class T>
class Select final : public Operator {
 public:
  Select(const Type& condition, const Type& a, const Type& b, Type output)
      : walk_(output.shape, {condition.shape, a.shape, b.shape}) {
    outputs_ = {std::move(output)};
  }
  void run(std::span<const void* const> inputs, std::span<void* const> outputs) const override {
    const auto* const condition = static_cast<const uint8_t*>(inputs[0]);
    const T *const a = static_cast<const T*>(inputs[1]), *const b = static_cast<const T*>(inputs[2]);
    T* const y = static_cast<T*>(outputs[0]);
    walk_.for_each_row([&](int64_t at, const auto& from, int64_t count, const auto& step) {
      for (int64_t i = 0; i < count; ++i) {
        y[at + i] = condition[from[0] + i * step[0]] != 0 ? a[from[1] + i * step[1]] : b[from[2] + i * step[2]];
      }
    });
  }

 private:
  Broadcast<3> walk_;
};

std::unique_ptr<Operator> make_where(NodeView& node) {
  node.expect_inputs(3, 3);
  node.expect_outputs(1);
  node.expect_element(0, ElementType::boolean);
  auto shape = common_shape(node, 0, 3);
  if (!shape) return nullptr;
  const Type &a = node.input(1), &b = node.input(2);
  if (a.element != b.element) node.fail("chooses between " + describe(a) + " and " + describe(b));
  const Type output{a.element, std::move(*shape), nullptr};
  switch (graph::size_of(a.element)) {
    case 1:
      return std::make_unique<Select<uint8_t>>(node.input(0), a, b, output);
    case 2:
      return std::make_unique<Select<uint16_t>>(node.input(0), a, b, output);
    case 4:
      return std::make_unique<Select<uint32_t>>(node.input(0), a, b, output);
    default:
      return std::make_unique<Select<uint64_t>>(node.input(0), a, b, output);
  }
}

}  // namespace

void add_binary(Makers& makers) {
  makers["Add"] = arithmetic<Add>;
  makers["And"] = logic<std::logical_and<>>;
  makers["Div"] = arithmetic<Div>;
  makers["Equal"] = comparison<std::equal_to<>>;
  makers["Greater"] = comparison<std::greater<>>;
  makers["GreaterOrEqual"] = comparison<std::greater_equal<>>;
  makers["Less"] = comparison<std::less<>>;
  makers["LessOrEqual"] = comparison<std::less_equal<>>;
  makers["Max"] = arithmetic<Max>;
  makers["Min"] = arithmetic<Min>;
  makers["Mul"] = arithmetic<Mul>;
  makers["Or"] = logic<std::logical_or<>>;
  makers["PRelu"] = make_prelu;
  makers["Pow"] = make_pow;
  makers["Sub"] = arithmetic<Sub>;
  makers["Where"] = make_where;
  makers["Xor"] = logic<Xor>;
}

}  // namespace sparsmith::ops

// Operators that map each element by itself.
#include <cmath>
#include <cstring>
#include <functional>

#include "ops/activations.h"
#include "ops/elementary.h"
#include "ops/registry.h"

namespace sparsmith::ops {
namespace {

using graph::ElementType;

/// y[i] = f(x[i]). F is a function object, which holds the node's constants: a function by its address would be called
/// for each element.
template <class T, class F>
class Map final : public Operator {
 public:
  Map(const Type& input, F f) : f_(std::move(f)), size_(input.size()) {
    outputs_ = {Type{input.element, input.shape, nullptr}};
  }
  void run(std::span<const void* const> inputs, std::span<void* const> outputs) const override {
    const T* const x = static_cast<const T*>(inputs[0]);
    T* const y = static_cast<T*>(outputs[0]);
    for (int64_t i = 0; i < size_; ++i) y[i] = f_(x[i]);
  }

 private:
  F f_;
  int64_t size_;
};

template <class F>
std::unique_ptr<Operator> map_floats(NodeView& node, F f, size_t most_inputs = 1) {
  node.expect_inputs(1, most_inputs);
  node.expect_outputs(1);
  node.expect_element(0, ElementType::f32);
  if (!node.ok()) return nullptr;
  return std::make_unique<Map<float, F>>(node.input(0), std::move(f));
}

/// Of floats and of the integers that shapes are computed in.
template <class F>
std::unique_ptr<Operator> map_numbers(NodeView& node, F f) {
  if (!node.has(0) || node.input(0).element == ElementType::f32) return map_floats(node, std::move(f));
  node.expect_inputs(1, 1);
  node.expect_outputs(1);
  node.expect_element(0, ElementType::i64);
  if (!node.ok()) return nullptr;
  return std::make_unique<Map<int64_t, F>>(node.input(0), std::move(f));
}

/// Halves go to the even neighbour, as ONNX has it.
float round_even(float x) { return std::nearbyint(x); }

std::unique_ptr<Operator> make_clip(NodeView& node) {
  const bool attributes = node.opset() < 11;
  const auto bound = [&](size_t index, const char* name, float otherwise) {
    if (attributes) return node.number(name, otherwise);
    return static_cast<float>(node.constant_number(index).value_or(otherwise));
  };
  const float lo = bound(1, "min", -INFINITY), hi = bound(2, "max", INFINITY);
  return map_floats(
      node, [lo, hi](float x) { return clip(x, lo, hi); }, attributes ? 1 : 3);
}

std::unique_ptr<Operator> make_gelu(NodeView& node) {
  const std::string approximate = node.text("approximate", "none");
  if (approximate == "tanh") return map_floats(node, [](float x) { return gelu_tanh(x); });
  if (approximate != "none") node.fail("has approximate = \"" + approximate + "\"; none and tanh are known");
  return map_floats(node, [](float x) { return gelu_erf(x); });
}

std::unique_ptr<Operator> make_hard_sigmoid(NodeView& node) {
  const float alpha = node.number("alpha", 0.2f), beta = node.number("beta", 0.5f);
  return map_floats(node, [alpha, beta](float x) { return hard_sigmoid(x, alpha, beta); });
}

std::unique_ptr<Operator> make_leaky_relu(NodeView& node) {
  const float alpha = node.number("alpha", 0.01f);
  return map_floats(node, [alpha](float x) { return leaky_relu(x, alpha); });
}

std::unique_ptr<Operator> make_elu(NodeView& node) {
  const float alpha = node.number("alpha", 1);
  return map_floats(node, [alpha](float x) { return x < 0 ? alpha * (exp(x) - 1) : x; });
}

std::unique_ptr<Operator> make_not(NodeView& node) {
  node.expect_inputs(1, 1);
  node.expect_outputs(1);
  node.expect_element(0, ElementType::boolean);
  if (!node.ok()) return nullptr;
  const auto negate = [](uint8_t x) { return static_cast<uint8_t>(x == 0); };
  return std::make_unique<Map<uint8_t, decltype(negate)>>(node.input(0), negate);
}

/// Outputs that are the input; of Dropout also a mask, which keeps everything.
class Copy final : public Operator {
 public:
  Copy(const Type& input, size_t outputs) {
    bytes_ = static_cast<size_t>(input.size() * graph::size_of(input.element));
    elements_ = static_cast<size_t>(input.size());
    outputs_ = {Type{input.element, input.shape, nullptr}};
    if (outputs > 1) outputs_.push_back(Type{ElementType::boolean, input.shape, nullptr});
  }
  void run(std::span<const void* const> inputs, std::span<void* const> outputs) const override {
    if (outputs[0] != nullptr && bytes_ > 0) std::memcpy(outputs[0], inputs[0], bytes_);
    if (outputs.size() > 1 && outputs[1] != nullptr && elements_ > 0) std::memset(outputs[1], 1, elements_);
  }

 private:
  size_t bytes_ = 0, elements_ = 0;
};

std::unique_ptr<Operator> make_copy(NodeView& node) {
  const bool dropout = node.node().op == "Dropout";
  node.expect_inputs(1, dropout ? 3 : 1);
  node.expect_outputs(dropout ? 2 : 1);
  const Type& input = node.input(0);
  if (!node.ok()) return nullptr;
  return std::make_unique<Copy>(input, node.node().outputs.size());
}

}  // namespace

void add_unary(Makers& makers) {
  makers["Abs"] = [](NodeView& node) { return map_numbers(node, [](auto x) { return x < 0 ? -x : x; }); };
  makers["Ceil"] = [](NodeView& node) { return map_floats(node, [](float x) { return std::ceil(x); }); };
  makers["Clip"] = make_clip;
  makers["Dropout"] = make_copy;
  makers["Elu"] = make_elu;
  makers["Erf"] = [](NodeView& node) { return map_floats(node, [](float x) { return erf(x); }); };
  makers["Exp"] = [](NodeView& node) { return map_floats(node, [](float x) { return exp(x); }); };
  makers["Floor"] = [](NodeView& node) { return map_floats(node, [](float x) { return std::floor(x); }); };
  makers["Gelu"] = make_gelu;
  makers["HardSigmoid"] = make_hard_sigmoid;
  makers["HardSwish"] = [](NodeView& node) { return map_floats(node, [](float x) { return hard_swish(x); }); };
  makers["Identity"] = make_copy;
  makers["LeakyRelu"] = make_leaky_relu;
  makers["Log"] = [](NodeView& node) { return map_floats(node, [](float x) { return std::log(x); }); };
  makers["Neg"] = [](NodeView& node) { return map_numbers(node, std::negate<>()); };
  makers["Not"] = make_not;
  makers["Reciprocal"] = [](NodeView& node) { return map_floats(node, [](float x) { return 1 / x; }); };
  makers["Relu"] = [](NodeView& node) { return map_floats(node, [](float x) { return relu(x); }); };
  makers["Round"] = [](NodeView& node) { return map_floats(node, round_even); };
  makers["Sigmoid"] = [](NodeView& node) { return map_floats(node, [](float x) { return sigmoid(x); }); };
  makers["Sign"] = [](NodeView& node) {
    return map_floats(node, [](float x) { return x > 0 ? 1.0f : x < 0 ? -1.0f : x; });
  };
  makers["Softplus"] = [](NodeView& node) { return map_floats(node, [](float x) { return std::log1p(std::exp(x)); }); };
  makers["Sqrt"] = [](NodeView& node) { return map_floats(node, [](float x) { return std::sqrt(x); }); };
  makers["Tanh"] = [](NodeView& node) { return map_floats(node, [](float x) { return tanh(x); }); };
}

}  // namespace sparsmith::ops

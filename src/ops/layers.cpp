// Layers (layer.h) as the reference computes them: ONNX's operator, then what follows it.
#include <cstring>

#include "ops/activations.h"
#include "ops/elementary.h"
#include "ops/layer.h"
#include "ops/registry.h"

namespace sparsmith::ops {
namespace {

using graph::ElementType;

/// Product and bias by another operator, then the epilogue. Y is [outer, channels, inner].
class Layer final : public Operator {
 public:
  Layer(std::unique_ptr<Operator> product, Type output, const LayerEpilogue& epilogue, int64_t channels, int64_t inner)
      : product_(std::move(product)), epilogue_(epilogue), channels_(channels), inner_(inner) {
    outputs_ = {std::move(output)};
  }
  void run(std::span<const void* const> inputs, std::span<void* const> outputs) const override {
    const auto input = [&](size_t i) { return i < inputs.size() ? static_cast<const float*>(inputs[i]) : nullptr; };
    product_->run(inputs.first(std::min(inputs.size(), size_t{kLayerBias} + 1)), outputs);
    auto* const y = static_cast<float*>(outputs[0]);
    if (epilogue_.residual_first) add(input(kLayerResidual), y);
    if (epilogue_.activation == Activation::prelu) {
      bend(input(kLayerSlope), y);
    } else {
      activate(epilogue_, y, outputs_[0].size());
    }
    if (!epilogue_.residual_first) add(input(kLayerResidual), y);
  }

 private:
  void add(const float* residual, float* y) const {
    if (residual == nullptr) return;
    for (int64_t i = 0; i < outputs_[0].size(); ++i) y[i] += residual[i];
  }
  void bend(const float* slopes, float* y) const {
    const int64_t row = channels_ * inner_, rows = row == 0 ? 0 : outputs_[0].size() / row;
    for (int64_t n = 0; n < rows; ++n) {
      for (int64_t c = 0; c < channels_; ++c) {
        for (int64_t i = 0; i < inner_; ++i, ++y) *y = leaky_relu(*y, slopes[c]);
      }
    }
  }

  std::unique_ptr<Operator> product_;
  LayerEpilogue epilogue_;
  int64_t channels_, inner_;
};

/// ONNX's operator of that name for the first three inputs, at the newest opset known.
std::unique_ptr<Operator> make_product(NodeView& node, std::string op, Type x,
                                       std::map<std::string, graph::Attribute, std::less<>> attributes) {
  graph::Graph alone;
  alone.opset = 21;
  graph::Node product{node.name(), "", std::move(op), {}, {0}, std::move(attributes)};
  alone.values.push_back({"y", {}, {}, nullptr});
  std::vector<std::optional<Type>> types{std::move(x)};
  for (size_t i = kLayerWeights; i <= kLayerBias; ++i) {
    types.push_back(node.has(i) ? std::optional(node.input(i)) : std::nullopt);
  }
  for (const auto& type : types) product.inputs.push_back(type ? 0 : graph::kNoValue);
  auto made = make(alone, product, types);
  if (made) return std::move(*made);
  node.fail(made.error());
  return nullptr;
}

/// Residual and slopes, if they are there, must fit the output.
void expect_epilogue(NodeView& node, const Type& output, int64_t channels) {
  const auto expect = [&](size_t index, const char* what, const std::vector<int64_t>& shape) {
    if (!node.has(index)) return;
    node.expect_element(index, ElementType::f32);
    if (node.ok() && node.input(index).shape != shape) {
      node.fail("has " + describe(node.input(index)) + " as " + what + "; " + graph::shape_text(shape) +
                " is expected");
    }
  };
  expect(kLayerBias, "bias", {channels});
  expect(kLayerResidual, "residual", output.shape);
  expect(kLayerSlope, "slopes", {channels});
}

std::unique_ptr<Operator> make_conv_layer(NodeView& node) {
  node.expect_inputs(2, 5);
  node.expect_outputs(1);
  const LayerEpilogue epilogue = read_epilogue(node);
  const Type& x = node.input(kLayerX);
  if (!node.ok()) return nullptr;
  auto attributes = node.node().attributes;
  for (const char* const ours : {"activation", "alpha", "beta", "lo", "hi", "residual"}) attributes.erase(ours);
  auto product = make_product(node, "Conv", x, std::move(attributes));
  if (product == nullptr) return nullptr;
  const Type output = product->outputs()[0];
  const int64_t channels = output.shape[1];
  int64_t inner = 1;
  for (size_t i = 2; i < output.shape.size(); ++i) inner *= output.shape[i];
  expect_epilogue(node, output, channels);
  if (!node.ok()) return nullptr;
  return std::make_unique<Layer>(std::move(product), output, epilogue, channels, inner);
}

std::unique_ptr<Operator> make_matmul_layer(NodeView& node) {
  node.expect_inputs(2, 5);
  node.expect_outputs(1);
  const LayerEpilogue epilogue = read_epilogue(node);
  const Type &x = node.input(kLayerX), &weights = node.input_of_rank(kLayerWeights, 2);
  if (node.ok() && (x.shape.empty() || x.shape.back() != weights.shape[1])) {
    node.fail("multiplies " + describe(x) + " by weights " + describe(weights) +
              "; as many elements in a row of both are expected");
  }
  if (!node.ok()) return nullptr;
  const int64_t channels = weights.shape[0];
  Type output = x;
  output.constant = nullptr;
  output.shape.back() = channels;
  expect_epilogue(node, output, channels);
  node.expect_sane(output);
  if (!node.ok()) return nullptr;
  // Rows of X, however they are arranged.
  Type rows{x.element, {1, x.shape.back()}, nullptr};
  for (size_t i = 0; i + 1 < x.shape.size(); ++i) rows.shape[0] *= x.shape[i];
  auto product = make_product(node, "Gemm", std::move(rows), {{"transB", int64_t{1}}});
  if (product == nullptr) return nullptr;
  return std::make_unique<Layer>(std::move(product), std::move(output), epilogue, channels, 1);
}

/// x * sigmoid(x), which ONNX doesn't have.
class Silu final : public Operator {
 public:
  explicit Silu(const Type& x) { outputs_ = {Type{ElementType::f32, x.shape, nullptr}}; }
  void run(std::span<const void* const> inputs, std::span<void* const> outputs) const override {
    const auto* const x = static_cast<const float*>(inputs[0]);
    auto* const y = static_cast<float*>(outputs[0]);
    for (int64_t i = 0; i < outputs_[0].size(); ++i) y[i] = silu(x[i]);
  }
};

std::unique_ptr<Operator> make_silu(NodeView& node) {
  node.expect_inputs(1, 1);
  node.expect_outputs(1);
  node.expect_element(0, ElementType::f32);
  return node.ok() ? std::make_unique<Silu>(node.input(0)) : nullptr;
}

}  // namespace

void add_layers(Makers& makers) {
  makers["Conv"] = make_conv_layer;
  makers["MatMul"] = make_matmul_layer;
  makers["Silu"] = make_silu;
}

}  // namespace sparsmith::ops

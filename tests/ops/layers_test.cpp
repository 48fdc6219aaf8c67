// Layers: product, bias, activation and residual in one, against ONNX's operators one after the other.
#include <cmath>

#include "ops/layer.h"
#include "random_tensor.h"

namespace sparsmith::test {
namespace {

using graph::Tensor;
using ops::Activation;

constexpr Activation kAll[] = {Activation::none,         Activation::relu,     Activation::leaky_relu,
                               Activation::prelu,        Activation::clip,     Activation::hard_swish,
                               Activation::hard_sigmoid, Activation::sigmoid,  Activation::silu,
                               Activation::tanh,         Activation::gelu_erf, Activation::gelu_tanh};

/// In double, from what ONNX's text says.
double activated(Activation activation, double x, double slope) {
  switch (activation) {
    case Activation::none:
      return x;
    case Activation::relu:
      return std::max(x, 0.0);
    case Activation::leaky_relu:
      return x < 0 ? 0.25 * x : x;
    case Activation::prelu:
      return x < 0 ? slope * x : x;
    case Activation::clip:
      return std::min(std::max(x, -0.5), 1.5);
    case Activation::hard_swish:
      return x * std::min(std::max(x + 3, 0.0), 6.0) / 6;
    case Activation::hard_sigmoid:
      return std::min(std::max(0.3 * x + 0.4, 0.0), 1.0);
    case Activation::sigmoid:
      return 1 / (1 + std::exp(-x));
    case Activation::silu:
      return x / (1 + std::exp(-x));
    case Activation::tanh:
      return std::tanh(x);
    case Activation::gelu_erf:
      return x * 0.5 * (1 + std::erf(x / std::sqrt(2.0)));
    case Activation::gelu_tanh:
      break;
  }
  return x * 0.5 * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x)));
}
Attributes attributes_of(Activation activation) {
  Attributes all{{"activation", std::string(to_string(activation))}};
  if (activation == Activation::leaky_relu) all["alpha"] = 0.25f;
  if (activation == Activation::clip) {
    all["lo"] = -0.5f;
    all["hi"] = 1.5f;
  }
  if (activation == Activation::hard_sigmoid) {
    all["alpha"] = 0.3f;
    all["beta"] = 0.4f;
  }
  return all;
}

enum class Residual { none, before, after };

/// Every activation and place of the residual behind a product whose plain result is `linear`.
void check_epilogues(NodeCase layer, const Tensor& linear, int64_t channels, int64_t inner) {
  layer.domain = "sparsmith";
  layer.inputs.resize(3);
  const Attributes geometry = layer.attributes;
  const Tensor residual = random_floats(linear.shape, 11), slopes = random_floats({channels}, 12);
  for (const Activation activation : kAll) {
    for (const Residual place : {Residual::none, Residual::before, Residual::after}) {
      NodeCase node = layer;
      node.attributes = attributes_of(activation);
      node.attributes.insert(geometry.begin(), geometry.end());
      node.inputs.push_back(place == Residual::none ? std::nullopt : std::optional(residual));
      if (place != Residual::none) {
        node.attributes["residual"] = std::string(place == Residual::before ? "before_activation" : "after_activation");
      }
      if (activation == Activation::prelu) node.inputs.push_back(slopes);
      node.constants = place == Residual::none;
      const Tensor y = result_of(node);
      ASSERT_EQ(y.shape, linear.shape);
      for (int64_t i = 0; i < y.size(); ++i) {
        double x = double{linear.as<float>()[i]};
        const double other = double{residual.as<float>()[i]};
        if (place == Residual::before) x += other;
        double right = activated(activation, x, double{slopes.as<float>()[i / inner % channels]});
        if (place == Residual::after) right += other;
        ASSERT_NEAR(y.as<float>()[i], right, 2e-6 * (1 + std::fabs(x))) << to_string(activation) << " at " << i;
      }
    }
  }
}

TEST(ConvLayer, IsConvThenItsEpilogue) {
  const auto x = random_floats({2, 4, 6, 5}, 1), w = random_floats({6, 2, 3, 2}, 2), bias = random_floats({6}, 3);
  const Attributes geometry{{"strides", std::vector<int64_t>{2, 1}},
                            {"pads", std::vector<int64_t>{1, 0, 1, 2}},
                            {"dilations", std::vector<int64_t>{1, 2}},
                            {"group", int64_t{2}}};
  for (const bool biased : {false, true}) {
    NodeCase conv{.op = "Conv", .inputs = {x, w}, .attributes = geometry};
    if (biased) conv.inputs.push_back(bias);
    const Tensor linear = result_of(conv);
    check_epilogues(conv, linear, 6, linear.size() / 12);
  }
}

TEST(ConvLayer, OfALineAndAtAnOldOpset) {
  NodeCase conv{.op = "Conv", .inputs = {random_floats({1, 2, 9}, 1), random_floats({3, 2, 3}, 2)}, .opset = 9};
  check_epilogues(conv, result_of(conv), 3, 7);
}

TEST(MatMulLayer, IsAProductOfRowsThenItsEpilogue) {
  const auto w = random_floats({5, 7}, 2), bias = random_floats({5}, 3);
  for (const std::vector<int64_t>& shape : {std::vector<int64_t>{7}, {3, 7}, {2, 1, 4, 7}, {0, 7}}) {
    for (const int64_t opset : {9, 21}) {
      const auto x = random_floats(shape, 1);
      std::vector<int64_t> rows{x.size() / 7, 7}, outputs = shape;
      outputs.back() = 5;
      Tensor flat = x;
      flat.shape = rows;
      Tensor linear = result_of({.op = "Gemm", .inputs = {flat, w, bias}, .attributes = {{"transB", int64_t{1}}}});
      linear.shape = outputs;
      check_epilogues({.op = "MatMul", .inputs = {x, w, bias}, .opset = opset}, linear, 5, 1);
    }
  }
  const auto plain = result_of(
      {.op = "MatMul", .domain = "sparsmith", .inputs = {floats({2}, {1, 2}), floats({1, 2}, {3, 5})}, .opset = 9});
  EXPECT_THAT(elements<float>(plain), testing::ElementsAre(13));
}

TEST(Layers, SayWhatDoesNotFit) {
  const auto x = random_floats({2, 3}, 1), w = random_floats({4, 3}, 2), y = random_floats({2, 4}, 3);
  const auto bad = [&](std::vector<std::optional<Tensor>> inputs, const Attributes& attributes, const char* part) {
    expect_bad({.op = "MatMul", .domain = "sparsmith", .inputs = std::move(inputs), .attributes = attributes}, part);
  };
  const Attributes after{{"residual", std::string("after_activation")}};
  bad({x, random_floats({3, 4}, 2)}, {}, "as many elements in a row");
  bad({x, random_floats({4}, 2)}, {}, "2 dimensions are expected");
  bad({x, w, random_floats({1}, 2)}, {}, "as bias; [4] is expected");
  bad({x, w, std::nullopt, random_floats({4}, 2)}, after, "as residual; [2, 4] is expected");
  bad({x, w, std::nullopt, y}, {}, "no attribute residual");
  bad({x, w}, after, "none as input 3");
  bad({x, w, std::nullopt, y}, {{"residual", std::string("behind")}}, "before_activation");
  bad({x, w}, {{"activation", std::string("mish")}}, "gelu_tanh are known");
  bad({x, w}, {{"activation", std::string("prelu")}}, "lacks the slopes");
  bad({x, w, std::nullopt, std::nullopt, random_floats({4}, 2)}, {}, "has slopes");
  bad({x, w, std::nullopt, std::nullopt, random_floats({1}, 2)}, {{"activation", std::string("prelu")}}, "as slopes");
  bad({x, w}, {{"activation", std::string("clip")}, {"lo", 2.0f}, {"hi", 1.0f}}, "lo at most hi");
  expect_bad({.op = "Conv", .domain = "sparsmith", .inputs = {x, w}}, "same number of dimensions");
  expect_bad({.op = "Relu", .domain = "sparsmith", .inputs = {x}}, "sparsmith.Relu");
  expect_bad({.op = "Silu", .inputs = {x}}, "isn't supported");
}

TEST(Composites, ExistAtAnyOpset) {
  const auto x = random_floats({3, 5}, 1);
  const auto check = [&](const char* op, const Attributes& attributes, Activation activation) {
    const auto y = result_of({.op = op, .domain = "sparsmith", .inputs = {x}, .attributes = attributes, .opset = 9});
    for (int64_t i = 0; i < x.size(); ++i) {
      ASSERT_NEAR(y.as<float>()[i], activated(activation, double{x.as<float>()[i]}, 0), 1e-6) << op;
    }
  };
  check("Silu", {}, Activation::silu);
  check("HardSwish", {}, Activation::hard_swish);
  check("Gelu", {}, Activation::gelu_erf);
  check("Gelu", {{"approximate", std::string("tanh")}}, Activation::gelu_tanh);
  const auto y = result_of({.op = "LayerNormalization",
                            .domain = "sparsmith",
                            .inputs = {floats({1, 2}, {1, 3}), floats({2}, {1, 10}), floats({2}, {0, 5})},
                            .attributes = {{"epsilon", 0.0f}},
                            .opset = 9});
  EXPECT_THAT(elements<float>(y), testing::ElementsAre(-1, 15));
}

}  // namespace
}  // namespace sparsmith::test

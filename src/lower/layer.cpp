#include "lower/layer.h"

#include "ops/layer.h"
#include "ops/node_view.h"
#include "pattern/check.h"

namespace sparsmith::lower {
namespace {

Activation kernel_activation(ops::Activation activation) {
  switch (activation) {
    case ops::Activation::none:
      return Activation::none;
    case ops::Activation::relu:
      return Activation::relu;
    case ops::Activation::leaky_relu:
      return Activation::leaky_relu;
    case ops::Activation::prelu:
      return Activation::prelu;
    case ops::Activation::clip:
      return Activation::clip;
    case ops::Activation::hard_swish:
      return Activation::hard_swish;
    case ops::Activation::hard_sigmoid:
      return Activation::hard_sigmoid;
    case ops::Activation::sigmoid:
      return Activation::sigmoid;
    case ops::Activation::silu:
      return Activation::silu;
    case ops::Activation::tanh:
      return Activation::tanh;
    case ops::Activation::gelu_erf:
      return Activation::gelu_erf;
    case ops::Activation::gelu_tanh:
      return Activation::gelu_tanh;
  }
  return Activation::none;
}

std::vector<float> floats_of(const graph::Tensor* tensor) {
  if (tensor == nullptr) return {};
  const auto elements = tensor->as<float>();
  return {elements.begin(), elements.end()};
}

}  // namespace

bool is_layer(const graph::Node& node) {
  return node.domain == ops::kLayerDomain && (node.op == "Conv" || node.op == "MatMul");
}

std::optional<Conv2d> convolution_of(const graph::Graph& graph, const graph::Node& node, const ops::Type& x,
                                     const ops::Type& weights) {
  if (x.shape.size() != 4 || weights.shape.size() != 4 || x.element != ElementType::f32) return std::nullopt;
  ops::NodeView view(graph, node, {});
  const auto strides = view.integers("strides", {1, 1}), dilations = view.integers("dilations", {1, 1});
  const auto pads = view.integers("pads", {0, 0, 0, 0});
  if (!view.ok() || strides.size() != 2 || dilations.size() != 2 || pads.size() != 4) return std::nullopt;
  Conv2d conv;
  conv.height = x.shape[2];
  conv.width = x.shape[3];
  conv.kernel_h = weights.shape[2];
  conv.kernel_w = weights.shape[3];
  conv.stride_h = strides[0];
  conv.stride_w = strides[1];
  conv.dilation_h = dilations[0];
  conv.dilation_w = dilations[1];
  conv.pad_top = pads[0];
  conv.pad_left = pads[1];
  conv.pad_bottom = pads[2];
  conv.pad_right = pads[3];
  conv.groups = view.integer("group", 1);
  const int64_t k = weights.shape[1] * weights.shape[2] * weights.shape[3];
  if (!check_conv(weights.shape[0], k, conv)) return std::nullopt;
  return conv;
}

Result<Layer> make_layer(const graph::Graph& graph, const graph::Node& node, const ops::Evaluator& types,
                         std::optional<Conv2d> conv) {
  std::vector<std::optional<ops::Type>> inputs;
  for (const graph::ValueId id : node.inputs) {
    inputs.push_back(id == graph::kNoValue ? std::nullopt : std::optional(types.type(id)));
  }
  ops::NodeView view(graph, node, inputs);
  const ops::LayerEpilogue epilogue = ops::read_epilogue(view);
  if (!view.ok()) return view.error();
  const auto constant = [&](size_t i) { return view.has(i) ? view.input(i).constant : nullptr; };
  const graph::Tensor* const tensor = constant(ops::kLayerWeights);
  if (tensor == nullptr || tensor->type != ElementType::f32 || tensor->shape.empty() || tensor->shape[0] == 0) {
    return bad_input(graph::describe(graph, node) + " has no constant float32 weights");
  }
  const int64_t m = tensor->shape[0], k = tensor->size() / m;
  auto weights = Weights::from_dense({tensor->as<float>().data(), m, k, k});
  if (!weights) return weights.error();
  Layer layer{graph::describe(graph, node),
              std::move(*weights),
              {},
              floats_of(constant(ops::kLayerBias)),
              floats_of(constant(ops::kLayerSlope))};
  layer.problem.conv = conv;
  Epilogue& e = layer.problem.epilogue;
  e.bias = !layer.bias.empty();
  e.activation = kernel_activation(epilogue.activation);
  e.alpha = epilogue.alpha;
  e.beta = epilogue.beta;
  e.lo = epilogue.lo;
  e.hi = epilogue.hi;
  if (view.has(ops::kLayerResidual)) {
    e.residual = epilogue.residual_first ? Residual::before_activation : Residual::after_activation;
  }
  return layer;
}

}  // namespace sparsmith::lower

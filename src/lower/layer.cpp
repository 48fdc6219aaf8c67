#include "lower/layer.h"

#include "ops/layer.h"
#include "ops/node_view.h"

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

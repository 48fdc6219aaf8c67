#include "lower/prepare.h"

#include <algorithm>

#include "lower/layer.h"
#include "ops/layer.h"

namespace sparsmith::lower {
namespace {

using graph::Node;
using graph::ValueId;

/// The pooling that a strided 1x1 convolution reads through, or nothing.
std::optional<Node> take_strides(graph::Graph& graph, Node& node, const ops::Evaluator& types) {
  if (!is_layer(node) || node.op != "Conv") return std::nullopt;
  const auto conv =
      convolution_of(graph, node, types.type(node.inputs[ops::kLayerX]), types.type(node.inputs[ops::kLayerWeights]));
  if (!conv || !conv->pointwise() || (conv->stride_h == 1 && conv->stride_w == 1)) return std::nullopt;
  const auto pooled = static_cast<ValueId>(graph.values.size());
  const std::string name = graph.values[static_cast<size_t>(node.inputs[ops::kLayerX])].name;
  graph.values.push_back({name + ".strided." + std::to_string(pooled), ElementType::f32, std::nullopt, nullptr});
  Node pool{node.name, "", "MaxPool", {node.inputs[ops::kLayerX]}, {pooled}, {}};
  pool.attributes["kernel_shape"] = std::vector<int64_t>{1, 1};
  pool.attributes["strides"] = std::vector<int64_t>{conv->stride_h, conv->stride_w};
  node.inputs[ops::kLayerX] = pooled;
  node.attributes["strides"] = std::vector<int64_t>{1, 1};
  return pool;
}

bool is_broadcast_first(const Node& node, const ops::Evaluator& types) {
  if (!node.domain.empty() || (node.op != "Add" && node.op != "Mul") || node.inputs.size() != 2) return false;
  const auto& y = types.type(node.outputs[0]).shape;
  return types.type(node.inputs[0]).shape != y && types.type(node.inputs[1]).shape == y;
}

}  // namespace

void prepare(graph::Graph& graph, const ops::Evaluator& types) {
  std::vector<Node> nodes;
  for (Node& node : graph.nodes) {
    if (auto pool = take_strides(graph, node, types)) nodes.push_back(std::move(*pool));
    if (is_broadcast_first(node, types)) std::swap(node.inputs[0], node.inputs[1]);
    nodes.push_back(std::move(node));
  }
  graph.nodes = std::move(nodes);
}

}  // namespace sparsmith::lower

#include "lower/prepare.h"

#include <algorithm>

#include "lower/layer.h"
#include "ops/layer.h"

namespace sparsmith::lower {
namespace {

using graph::ElementType;
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

ValueId add_value(graph::Graph& graph, const std::string& like, const char* what) {
  const auto id = static_cast<ValueId>(graph.values.size());
  graph.values.push_back({like + what + std::to_string(id), ElementType::f32, std::nullopt, nullptr});
  return id;
}

ValueId add_constant(graph::Graph& graph, const std::string& like, const char* what, graph::Tensor tensor) {
  const ValueId id = add_value(graph, like, what);
  graph::Value& value = graph.values[static_cast<size_t>(id)];
  value.type = tensor.type;
  value.constant = std::make_shared<const graph::Tensor>(std::move(tensor));
  return id;
}

/// A Reshape whose first size is that of its input.
Node reshape(graph::Graph& graph, const Node& of, ValueId from, ValueId to, std::initializer_list<int64_t> sizes) {
  graph::Tensor shape = graph::Tensor::zeros(ElementType::i64, {static_cast<int64_t>(sizes.size())});
  std::copy(sizes.begin(), sizes.end(), shape.as<int64_t>().begin());
  const std::string name = graph.values[static_cast<size_t>(to)].name;
  return {of.name, "", "Reshape", {from, add_constant(graph, name, ".shape.", std::move(shape))}, {to}, {}};
}

/// Whether the node is the mean over both axes of images.
bool is_image_mean(const graph::Graph& graph, const Node& node, const ops::Evaluator& types) {
  if (!node.domain.empty() || node.op != "ReduceMean" || node.inputs.empty()) return false;
  const ops::Type& x = types.type(node.inputs[0]);
  if (x.element != ElementType::f32 || x.shape.size() != 4 || x.constant != nullptr) return false;
  std::vector<int64_t> axes;
  if (const auto given = node.attributes.find("axes"); given != node.attributes.end()) {
    if (const auto* list = std::get_if<std::vector<int64_t>>(&given->second)) axes = *list;
  } else if (node.inputs.size() > 1 && node.inputs[1] != graph::kNoValue) {
    const auto& constant = graph.values[static_cast<size_t>(node.inputs[1])].constant;
    if (constant == nullptr || constant->type != ElementType::i64) return false;
    const auto list = constant->as<int64_t>();
    axes.assign(list.begin(), list.end());
  }
  for (int64_t& axis : axes) axis += axis < 0 ? 4 : 0;
  std::sort(axes.begin(), axes.end());
  return axes == std::vector<int64_t>{2, 3};
}

void put_mean(graph::Graph& graph, Node& node, std::vector<Node>& nodes) {
  const auto given = node.attributes.find("keepdims");
  const int64_t* const keep = given == node.attributes.end() ? nullptr : std::get_if<int64_t>(&given->second);
  Node pool{node.name, "", "GlobalAveragePool", {node.inputs[0]}, node.outputs, {}};
  if (keep == nullptr || *keep != 0) return nodes.push_back(std::move(pool));
  const ValueId y = node.outputs[0];
  pool.outputs[0] = add_value(graph, graph.values[static_cast<size_t>(y)].name, ".pooled.");
  nodes.push_back(pool);
  nodes.push_back(reshape(graph, node, pool.outputs[0], y, {0, -1}));
}

/// Whether the node is a convolution that sees one pixel of every image.
bool is_pixel_layer(const graph::Graph& graph, const Node& node, const ops::Evaluator& types) {
  if (!is_layer(node) || node.op != "Conv") return false;
  const auto conv =
      convolution_of(graph, node, types.type(node.inputs[ops::kLayerX]), types.type(node.inputs[ops::kLayerWeights]));
  const bool adds = node.inputs.size() > ops::kLayerResidual && node.inputs[ops::kLayerResidual] != graph::kNoValue;
  const auto& weights = graph.values[static_cast<size_t>(node.inputs[ops::kLayerWeights])].constant;
  return conv && conv->pointwise() && conv->height == 1 && conv->width == 1 && !adds && weights != nullptr;
}

void put_product(graph::Graph& graph, Node& node, std::vector<Node>& nodes) {
  const ValueId x = node.inputs[ops::kLayerX], w = node.inputs[ops::kLayerWeights], y = node.outputs[0];
  const auto name_of = [&](ValueId id) { return graph.values[static_cast<size_t>(id)].name; };
  const ValueId rows = add_value(graph, name_of(x), ".rows."), result = add_value(graph, name_of(y), ".rows.");
  graph::Tensor weights = *graph.values[static_cast<size_t>(w)].constant;
  weights.shape.resize(2);
  nodes.push_back(reshape(graph, node, x, rows, {0, -1}));
  Node product = node;
  product.op = "MatMul";
  for (const char* of_convolutions : {"strides", "dilations", "pads", "group"}) {
    if (const auto found = product.attributes.find(of_convolutions); found != product.attributes.end())
      product.attributes.erase(found);
  }
  product.inputs[ops::kLayerX] = rows;
  product.inputs[ops::kLayerWeights] = add_constant(graph, name_of(w), ".matrix.", std::move(weights));
  product.outputs[0] = result;
  nodes.push_back(std::move(product));
  nodes.push_back(reshape(graph, node, result, y, {0, -1, 1, 1}));
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
    if (auto pool = take_strides(graph, node, types)) {
      // What it reads now has no type in `types`.
      nodes.push_back(std::move(*pool));
      nodes.push_back(std::move(node));
      continue;
    }
    if (is_image_mean(graph, node, types)) {
      put_mean(graph, node, nodes);
      continue;
    }
    if (is_pixel_layer(graph, node, types)) {
      put_product(graph, node, nodes);
      continue;
    }
    if (is_broadcast_first(node, types)) std::swap(node.inputs[0], node.inputs[1]);
    nodes.push_back(std::move(node));
  }
  graph.nodes = std::move(nodes);
}

}  // namespace sparsmith::lower

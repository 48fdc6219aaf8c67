/// \file
/// Small networks built node by node, with seeded random constants.
#pragma once

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "ops/layer.h"

namespace sparsmith::test {

/// Normal values.
inline graph::Tensor random_tensor(std::vector<int64_t> shape, unsigned seed) {
  graph::Tensor tensor = graph::Tensor::zeros(ElementType::f32, std::move(shape));
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  for (float& v : tensor.as<float>()) v = normal(random);
  return tensor;
}

class Network {
 public:
  explicit Network(unsigned seed) : random_(seed) {
    graph_.name = "network";
    graph_.opset = 17;
  }

  graph::Graph& graph() { return graph_; }
  std::mt19937& random() { return random_; }
  int64_t pick(int64_t least, int64_t most) { return std::uniform_int_distribution<int64_t>(least, most)(random_); }
  bool chance(double p) { return std::bernoulli_distribution(p)(random_); }

  /// -1 is a batch or, further back, a length of any size.
  graph::ValueId input(const std::string& name, const std::vector<int64_t>& shape) {
    const graph::ValueId id = value(name);
    graph_.values[static_cast<size_t>(id)].type = ElementType::f32;
    graph::Shape dimensions;
    for (const int64_t size : shape) dimensions.push_back({size, size >= 0 ? "" : dimensions.empty() ? "N" : "T"});
    graph_.values[static_cast<size_t>(id)].shape = dimensions;
    graph_.inputs.push_back(id);
    return id;
  }
  void output(graph::ValueId id) { graph_.outputs.push_back(id); }

  /// Normal values, each zero but with the density's probability.
  graph::ValueId constant(std::vector<int64_t> shape, double density = 1, float scale = 1) {
    graph::Tensor tensor = graph::Tensor::zeros(ElementType::f32, std::move(shape));
    std::normal_distribution<float> normal(0, scale);
    for (float& v : tensor.as<float>()) {
      if (chance(density)) v = normal(random_);
    }
    return constant(std::move(tensor));
  }
  graph::ValueId constant(graph::Tensor tensor) {
    const graph::ValueId id = value("c" + std::to_string(graph_.values.size()));
    graph_.values[static_cast<size_t>(id)].constant = std::make_shared<const graph::Tensor>(std::move(tensor));
    return id;
  }
  graph::ValueId integers(const std::vector<int64_t>& values) {
    graph::Tensor tensor = graph::Tensor::zeros(ElementType::i64, {static_cast<int64_t>(values.size())});
    std::copy(values.begin(), values.end(), tensor.as<int64_t>().begin());
    return constant(std::move(tensor));
  }
  /// What is added to scores: normal values or -infinity, but not for the first of each row.
  graph::ValueId mask(std::vector<int64_t> shape) {
    const int64_t row = shape.back();
    graph::Tensor tensor = graph::Tensor::zeros(ElementType::f32, std::move(shape));
    std::normal_distribution<float> normal;
    const std::span<float> values = tensor.as<float>();
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<int64_t>(i) % row != 0 && chance(0.3) ? -INFINITY : normal(random_);
    }
    return constant(std::move(tensor));
  }

  graph::ValueId numbers(const std::vector<float>& numbers) {
    graph::Tensor tensor = graph::Tensor::zeros(ElementType::f32, {static_cast<int64_t>(numbers.size())});
    std::copy(numbers.begin(), numbers.end(), tensor.as<float>().begin());
    const graph::ValueId id = value("c" + std::to_string(graph_.values.size()));
    graph_.values[static_cast<size_t>(id)].constant = std::make_shared<const graph::Tensor>(std::move(tensor));
    return id;
  }

  graph::ValueId node(const std::string& op, std::vector<graph::ValueId> inputs,
                      std::map<std::string, graph::Attribute, std::less<>> attributes = {},
                      const std::string& domain = "") {
    const graph::ValueId id = value("v" + std::to_string(graph_.values.size()));
    graph_.nodes.push_back(
        {op + std::to_string(graph_.nodes.size()), domain, op, std::move(inputs), {id}, std::move(attributes)});
    return id;
  }

  struct Window {
    int64_t kernel = 1, stride = 1, pad = 0, dilation = 1, groups = 1;
  };
  /// A convolution layer of `m` channels on an image of `c`, with weights whose sums stay near 1.
  graph::ValueId conv(graph::ValueId x, int64_t c, int64_t m, Window w, const std::string& activation = "relu",
                      graph::ValueId residual = graph::kNoValue, bool first = true) {
    const double density = chance(w.groups == c ? 0.6 : 0.2) ? 1.0 : 0.2;
    const auto taps = static_cast<double>(c / w.groups * w.kernel * w.kernel);
    const auto scale = static_cast<float>(1 / std::sqrt(std::max(1.0, taps * density)));
    const graph::ValueId slope = activation == "prelu" ? constant({m}, 1, 0.3f) : graph::kNoValue;
    std::vector<graph::ValueId> inputs{x, constant({m, c / w.groups, w.kernel, w.kernel}, density, scale),
                                       constant({m}, 1, 0.2f), residual, slope};
    std::map<std::string, graph::Attribute, std::less<>> attributes{
        {"strides", std::vector<int64_t>{w.stride, w.stride}},
        {"pads", std::vector<int64_t>{w.pad, w.pad, w.pad, w.pad}},
        {"dilations", std::vector<int64_t>{w.dilation, w.dilation}},
        {"group", w.groups}};
    epilogue(attributes, activation, residual, first);
    return node("Conv", std::move(inputs), std::move(attributes), ops::kLayerDomain);
  }
  graph::ValueId matmul(graph::ValueId x, int64_t k, int64_t m, const std::string& activation = "none",
                        graph::ValueId residual = graph::kNoValue) {
    const auto scale = static_cast<float>(1 / std::sqrt(std::max(1.0, static_cast<double>(k) * 0.2)));
    std::map<std::string, graph::Attribute, std::less<>> attributes;
    epilogue(attributes, activation, residual, false);
    const graph::ValueId slope = activation == "prelu" ? constant({m}, 1, 0.3f) : graph::kNoValue;
    return node("MatMul", {x, constant({m, k}, 0.2, scale), constant({m}, 1, 0.2f), residual, slope},
                std::move(attributes), ops::kLayerDomain);
  }

 private:
  graph::ValueId value(const std::string& name) {
    graph_.values.push_back({name, std::nullopt, std::nullopt, nullptr});
    return static_cast<graph::ValueId>(graph_.values.size() - 1);
  }
  static void epilogue(std::map<std::string, graph::Attribute, std::less<>>& attributes, const std::string& activation,
                       graph::ValueId residual, bool first) {
    attributes["activation"] = activation;
    if (activation == "leaky_relu") attributes["alpha"] = 0.1f;
    if (activation == "clip") {
      attributes["lo"] = 0.0f;
      attributes["hi"] = 6.0f;
    }
    if (residual != graph::kNoValue) {
      attributes["residual"] = std::string(first ? "before_activation" : "after_activation");
    }
  }

  graph::Graph graph_;
  std::mt19937 random_;
};

}  // namespace sparsmith::test

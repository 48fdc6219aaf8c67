/// \file
/// Small models by hand, simplified and held to what they computed before.
#pragma once

#include <algorithm>
#include <cmath>
#include <set>

#include "ops/evaluator.h"
#include "passes/passes.h"
#include "tests/ops/random_tensor.h"

namespace sparsmith::test {

using graph::Graph;
using graph::kNoValue;
using graph::ValueId;

class Builder {
 public:
  explicit Builder(int64_t opset = 17) { graph.opset = opset; }
  /// A first size of -1 is the batch.
  ValueId input(const std::string& name, const std::vector<int64_t>& shape) {
    const ValueId id = add(name);
    value(id).type = graph::ElementType::f32;
    value(id).shape.emplace();
    for (const int64_t size : shape) value(id).shape->push_back({size, size < 0 ? "N" : ""});
    graph.inputs.push_back(id);
    return id;
  }
  ValueId constant(graph::Tensor tensor) {
    const ValueId id = add("c" + std::to_string(graph.values.size()));
    value(id).type = tensor.type;
    value(id).constant = std::make_shared<const graph::Tensor>(std::move(tensor));
    return id;
  }
  ValueId number(float value) { return constant(floats({}, {value})); }
  ValueId random(std::vector<int64_t> shape) { return constant(random_floats(std::move(shape), ++seed_)); }
  /// Numbers from 0.1 on, for variances and divisors.
  ValueId positive(std::vector<int64_t> shape) {
    graph::Tensor tensor = random_floats(std::move(shape), ++seed_);
    for (float& value : tensor.as<float>()) value = std::fabs(value) + 0.1f;
    return constant(std::move(tensor));
  }
  ValueId node(const std::string& op, std::vector<ValueId> inputs, const Attributes& attributes = {}) {
    const ValueId id = add(op + std::to_string(graph.nodes.size()));
    graph.nodes.push_back({"", "", op, std::move(inputs), {id}, attributes});
    return id;
  }
  /// Clip at any opset.
  ValueId clip(ValueId x, float lo, float hi) {
    if (graph.opset < 11) return node("Clip", {x}, {{"min", lo}, {"max", hi}});
    return node("Clip", {x, number(lo), number(hi)});
  }
  ValueId mean(ValueId x, const std::vector<int64_t>& axes) {
    if (graph.opset < 18) return node("ReduceMean", {x}, {{"axes", axes}});
    return node("ReduceMean", {x, constant(longs({static_cast<int64_t>(axes.size())}, axes))});
  }
  ValueId pad(ValueId x, const std::vector<int64_t>& pads, float with = 0, const std::string& mode = "constant") {
    if (graph.opset < 11) return node("Pad", {x}, {{"pads", pads}, {"value", with}, {"mode", mode}});
    return node("Pad", {x, constant(longs({static_cast<int64_t>(pads.size())}, pads)), number(with)}, {{"mode", mode}});
  }
  graph::Value& value(ValueId id) { return graph.values[static_cast<size_t>(id)]; }

  Graph graph;

 private:
  ValueId add(const std::string& name) {
    graph.values.push_back({name, {}, {}, nullptr});
    return static_cast<ValueId>(graph.values.size() - 1);
  }
  unsigned seed_ = 0;
};

inline Graph simplified(const Graph& graph) {
  auto result = passes::simplify(graph);
  if (!result) throw std::runtime_error(result.error().message);
  return std::move(*result);
}

/// "Relu sparsmith.Conv": the operators, sorted.
inline std::string operators(const Graph& graph) {
  std::vector<std::string> names;
  for (const graph::Node& node : graph.nodes) names.push_back((node.domain.empty() ? "" : node.domain + ".") + node.op);
  std::sort(names.begin(), names.end());
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : " ") + name;
  return text;
}

inline std::vector<graph::Tensor> outputs_of(const Graph& graph, const std::vector<graph::Tensor>& inputs) {
  std::vector<std::vector<int64_t>> shapes;
  for (const graph::Tensor& input : inputs) shapes.push_back(input.shape);
  const auto evaluator = ops::Evaluator::create(graph, shapes);
  if (!evaluator) throw std::runtime_error(evaluator.error().message);
  auto outputs = evaluator->run(inputs);
  if (!outputs) throw std::runtime_error(outputs.error().message);
  return std::move(*outputs);
}

/// Largest difference over the largest number.
inline double relative_error(const graph::Tensor& actual, const graph::Tensor& expected) {
  if (actual.shape != expected.shape || actual.type != expected.type) return INFINITY;
  if (actual.type != graph::ElementType::f32) return actual == expected ? 0 : INFINITY;
  double worst = 0, largest = 1e-30;
  for (int64_t i = 0; i < actual.size(); ++i) {
    const double a = double{actual.as<float>()[i]}, e = double{expected.as<float>()[i]};
    if (a == e || (std::isnan(a) && std::isnan(e))) continue;
    if (!(std::fabs(a - e) <= worst)) worst = std::fabs(a - e);
    largest = std::max(largest, std::fabs(e));
  }
  return worst / largest;
}

/// A graph whose values are each made once, before they are read, and have names of their own.
inline void expect_sound(const Graph& graph) {
  std::vector<int> made(graph.values.size());
  for (const ValueId id : graph.inputs) ++made[static_cast<size_t>(id)];
  std::set<std::string> names;
  for (size_t i = 0; i < graph.values.size(); ++i) {
    if (graph.values[i].constant != nullptr) ++made[i];
    EXPECT_TRUE(names.insert(graph.values[i].name).second) << graph.values[i].name << " twice";
  }
  for (const graph::Node& node : graph.nodes) {
    for (const ValueId id : node.inputs) {
      EXPECT_TRUE(id == kNoValue || made[static_cast<size_t>(id)] == 1) << "read before it is made";
    }
    for (const ValueId id : node.outputs) {
      EXPECT_TRUE(id == kNoValue || ++made[static_cast<size_t>(id)] == 1) << "made twice";
    }
  }
  for (const ValueId id : graph.outputs) EXPECT_EQ(made[static_cast<size_t>(id)], 1);
  for (const int count : made) EXPECT_EQ(count, 1) << "a value of no use";
}

/// Simplifies the graph, compares what both compute at batches of 1 and 3, and says what is left.
inline Graph check(const Graph& graph, double tolerance = 1e-5) {
  Graph result = simplified(graph);
  expect_sound(result);
  const auto names = [](const Graph& of, const std::vector<ValueId>& ids) {
    std::vector<std::string> list;
    for (const ValueId id : ids) list.push_back(of.values[static_cast<size_t>(id)].name);
    return list;
  };
  EXPECT_EQ(names(result, result.inputs), names(graph, graph.inputs));
  EXPECT_EQ(names(result, result.outputs), names(graph, graph.outputs));
  for (const int64_t batch : {1, 3}) {
    const auto shapes = ops::declared_shapes(graph, batch);
    if (!shapes) throw std::runtime_error(shapes.error().message);
    std::vector<graph::Tensor> inputs;
    for (const auto& shape : *shapes) inputs.push_back(random_floats(shape, static_cast<unsigned>(50 + inputs.size())));
    const auto before = outputs_of(graph, inputs), after = outputs_of(result, inputs);
    EXPECT_EQ(before.size(), after.size());
    for (size_t i = 0; i < before.size() && i < after.size(); ++i) {
      EXPECT_LE(relative_error(after[i], before[i]), tolerance) << "output " << i << " at batch " << batch;
    }
  }
  EXPECT_EQ(operators(simplified(result)), operators(result)) << "more to do the second time";
  return result;
}
inline std::string left_of(const Graph& graph) { return operators(check(graph)); }

inline const graph::Node& only_node(const Graph& graph) {
  if (graph.nodes.size() != 1) throw std::runtime_error("left: " + operators(graph));
  return graph.nodes[0];
}
inline std::string text_of(const graph::Node& node, const std::string& name) {
  const auto found = node.attributes.find(name);
  return found == node.attributes.end() ? "" : std::get<std::string>(found->second);
}

constexpr int64_t kOpsets[] = {9, 11, 13, 17, 18, 21};

}  // namespace sparsmith::test

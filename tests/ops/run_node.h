/// \file
/// One node, made and run on given inputs.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <stdexcept>

#include "ops/operator.h"

namespace sparsmith::test {

template <class T>
graph::Tensor tensor_of(graph::ElementType type, std::vector<int64_t> shape, const std::vector<T>& values) {
  graph::Tensor tensor = graph::Tensor::zeros(type, std::move(shape));
  if (tensor.bytes.size() != values.size() * sizeof(T)) throw std::logic_error("values don't fill the shape");
  if (!values.empty()) std::memcpy(tensor.bytes.data(), values.data(), tensor.bytes.size());
  return tensor;
}
inline graph::Tensor floats(std::vector<int64_t> shape, const std::vector<float>& values) {
  return tensor_of(graph::ElementType::f32, std::move(shape), values);
}
inline graph::Tensor longs(std::vector<int64_t> shape, const std::vector<int64_t>& values) {
  return tensor_of(graph::ElementType::i64, std::move(shape), values);
}
inline graph::Tensor booleans(std::vector<int64_t> shape, const std::vector<uint8_t>& values) {
  return tensor_of(graph::ElementType::boolean, std::move(shape), values);
}
template <class T>
std::vector<T> elements(const graph::Tensor& tensor) {
  const auto view = tensor.as<T>();
  return {view.begin(), view.end()};
}

using Attributes = std::map<std::string, graph::Attribute, std::less<>>;

/// A node of one operator with its inputs; nullopt is an absent one. Every input is known to the operator as a constant
/// where `constants` says so, else by its type only.
struct NodeCase {
  std::string op = {};
  std::string domain = {};
  std::vector<std::optional<graph::Tensor>> inputs = {};
  Attributes attributes = {};
  size_t outputs = 1;
  int64_t opset = 17;
  bool constants = true;
};

inline Result<std::vector<graph::Tensor>> run_node(const NodeCase& node_case) {
  graph::Graph graph;
  graph.opset = node_case.opset;
  graph::Node node;
  node.op = node_case.op;
  node.domain = node_case.domain;
  node.name = "n";
  node.attributes = node_case.attributes;
  std::vector<std::optional<ops::Type>> types;
  std::vector<const void*> in;
  for (const auto& input : node_case.inputs) {
    node.inputs.push_back(input ? static_cast<graph::ValueId>(graph.values.size()) : graph::kNoValue);
    graph.values.push_back({"x" + std::to_string(types.size()), {}, {}, nullptr});
    in.push_back(input ? input->bytes.data() : nullptr);
    types.push_back(std::nullopt);
    if (input) types.back() = ops::Type{input->type, input->shape, node_case.constants ? &*input : nullptr};
  }
  for (size_t i = 0; i < node_case.outputs; ++i) {
    node.outputs.push_back(static_cast<graph::ValueId>(graph.values.size()));
    graph.values.push_back({"y" + std::to_string(i), {}, {}, nullptr});
  }
  const auto made = ops::make(graph, node, types);
  if (!made) return made.error();
  std::vector<graph::Tensor> results;
  std::vector<void*> out;
  for (const ops::Type& type : (*made)->outputs()) results.push_back(graph::Tensor::zeros(type.element, type.shape));
  for (graph::Tensor& result : results) out.push_back(result.bytes.data());
  (*made)->run(in, out);
  return results;
}

/// The first output; a test failure where the node can't be made.
inline graph::Tensor result_of(const NodeCase& node_case) {
  auto results = run_node(node_case);
  if (!results) throw std::runtime_error(results.error().message);
  return std::move(results->at(0));
}

inline void expect_bad(const NodeCase& node_case, const std::string& part) {
  const auto results = run_node(node_case);
  ASSERT_FALSE(results.ok()) << "made without complaint";
  EXPECT_EQ(results.error().kind, ErrorKind::bad_input);
  EXPECT_THAT(results.error().message, testing::HasSubstr(node_case.op + " node \"n\""));
  EXPECT_THAT(results.error().message, testing::HasSubstr(part));
}

}  // namespace sparsmith::test

/// \file
/// How operators read their node: inputs by number, attributes by name, errors that name the node.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "ops/operator.h"

namespace sparsmith::ops {

/// A node with the types of its inputs. The first thing found wrong is kept (error()), and everything after it reads as
/// its default, so that operators read what they need and check once.
class NodeView {
 public:
  NodeView(const graph::Graph& graph, const graph::Node& node, std::span<const std::optional<Type>> inputs)
      : graph_(graph), node_(node), inputs_(inputs) {}

  const graph::Node& node() const { return node_; }
  /// How messages may name what it is part of: its name, or its first output's.
  const std::string& name() const;
  int64_t opset() const { return graph_.opset; }

  /// The node must have so many inputs (absent ones at the end don't count) and, of outputs, at most so many.
  void expect_inputs(size_t least, size_t most);
  void expect_outputs(size_t most);
  size_t input_count() const;
  bool has(size_t index) const { return index < inputs_.size() && inputs_[index].has_value(); }
  /// An input that must be there.
  const Type& input(size_t index);
  /// An input of that rank, or of float32 elements.
  const Type& input_of_rank(size_t index, size_t rank);
  void expect_element(size_t index, graph::ElementType element);

  /// Attributes; the default where the node has none, an error where its kind is another.
  int64_t integer(std::string_view name, int64_t otherwise);
  float number(std::string_view name, float otherwise);
  std::string text(std::string_view name, std::string otherwise);
  std::vector<int64_t> integers(std::string_view name, std::vector<int64_t> otherwise = {});
  graph::Tensor tensor(std::string_view name, graph::Tensor otherwise);
  bool has_attribute(std::string_view name) const { return node_.attributes.find(name) != node_.attributes.end(); }

  /// Integers that are an input from some opset on and were an attribute before: the input must be constant.
  /// nullopt when neither is there.
  std::optional<std::vector<int64_t>> constant_integers(size_t index);
  /// Integers that are attribute `name` before opset `since`, and input `index` from then on.
  std::optional<std::vector<int64_t>> integers_or_input(std::string_view name, size_t index, int64_t since);
  /// A constant scalar of any number type.
  std::optional<double> constant_number(size_t index);
  /// Constant float32 elements.
  std::optional<std::vector<float>> constant_numbers(size_t index);

  /// `axis` counted from the end where negative; an error unless within [0, rank).
  int64_t axis(int64_t axis, size_t rank);
  /// A list of them, each once, in the order given.
  std::vector<size_t> axes(std::span<const int64_t> axes, size_t rank);

  /// An error unless a memory could hold a tensor of that type; strides and byte counts of one that passes can't
  /// overflow.
  void expect_sane(const Type& type);

  /// Keeps the error, with the node's name in front.
  [[gnu::cold]] void fail(const std::string& message, const std::string& hint = {});
  /// Keeps an error that names the node already.
  [[gnu::cold]] void fail(Error error);
  bool ok() const { return !failed_; }
  const Error& error() const { return error_; }

 private:
  template <class T>
  T attribute(std::string_view name, T otherwise, const char* kind);

  const graph::Graph& graph_;
  const graph::Node& node_;
  std::span<const std::optional<Type>> inputs_;
  bool failed_ = false;
  Error error_;
};

}  // namespace sparsmith::ops

/// \file
/// A graph while passes rewrite it. Nodes have places, in an order in which they can run; a rewrite puts the new node
/// at the place of the last that it replaces, where all its inputs are there already.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "passes/facts.h"

namespace sparsmith::passes {

class Editor {
 public:
  /// Facts are those of `graph`.
  Editor(graph::Graph graph, const Facts& facts);

  const Facts& facts() const { return *facts_; }
  int64_t opset() const { return graph_.opset; }
  const std::vector<graph::ValueId>& outputs() const { return graph_.outputs; }
  const graph::Value& value(graph::ValueId id) const { return graph_.values[static_cast<size_t>(id)]; }

  size_t places() const { return nodes_.size(); }
  bool used(size_t place) const { return !nodes_[place].op.empty(); }
  const graph::Node& node(size_t place) const { return nodes_[place]; }
  void put(size_t place, graph::Node node);
  void erase(size_t place);
  /// A free place right in front of one that held a node at first; each has one.
  size_t place_before(size_t place) const { return place - 1; }

  /// Where the node is that makes a value; none for inputs, constants and absent values.
  std::optional<size_t> maker(graph::ValueId id) const;
  /// The same if its operator is that one, of ONNX's.
  std::optional<size_t> maker(graph::ValueId id, std::string_view op) const;
  /// How often a value is read, as output of the model too.
  size_t readers(graph::ValueId id) const { return readers_[static_cast<size_t>(id)]; }
  bool is_output(graph::ValueId id) const { return is_output_[static_cast<size_t>(id)]; }
  /// The node that is all that reads a value.
  std::optional<size_t> only_reader(graph::ValueId id) const;

  /// Null where it isn't there or not constant.
  const graph::Tensor* constant(graph::ValueId id) const;
  void make_constant(graph::ValueId id, graph::Tensor tensor);
  /// A new constant, named after another value. None when the model would grow by too much: constants that are shared
  /// mustn't multiply.
  std::optional<graph::ValueId> add_constant(graph::Tensor tensor, graph::ValueId like);
  /// Whether so many bytes can be added.
  bool has_room(int64_t bytes) const { return bytes <= room_; }
  /// A new value of a node.
  graph::ValueId add_value(graph::ValueId like);
  /// A constant's transposition, made once for all who want it.
  std::map<graph::ValueId, graph::ValueId>& transposed() { return transposed_; }

  /// Makes another value the output of the model that `output` was; it takes over the name.
  void rename_output(graph::ValueId output, graph::ValueId other);

  /// Removes nodes of whose outputs none is read, which would count as readers otherwise.
  void drop_unread();
  /// The graph, without what nobody reads.
  graph::Graph finish();

 private:
  void count(const graph::Node& node, size_t place, bool add);

  graph::Graph graph_;  ///< without nodes
  const Facts* facts_;
  std::vector<graph::Node> nodes_;  ///< by place; unused ones have no operator
  std::vector<size_t> readers_;
  std::vector<size_t> reader_sum_;  ///< of the places of readers, each as often as it reads
  std::vector<std::optional<size_t>> makers_;
  std::vector<bool> is_output_;
  std::set<std::string> names_;
  std::map<graph::ValueId, graph::ValueId> transposed_;
  int64_t room_ = 0;
};

}  // namespace sparsmith::passes

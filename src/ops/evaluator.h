/// \file
/// A graph made ready for inputs of given shapes: every operator checked, every shape known, whatever follows from
/// constants and shapes folded. Runs it too, operator by operator: the reference that compiled models are held to.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "ops/operator.h"

namespace sparsmith::ops {

/// What every input and node of a graph turned out to be for one set of input shapes.
class Evaluator {
 public:
  /// `shapes` has one for each of graph.inputs; the graph must outlive the evaluator. bad_input: an operator that isn't
  /// supported or doesn't take what it is given (said of all unsupported ones at once, before anything else), or shapes
  /// that contradict the declared ones.
  static Result<Evaluator> create(const graph::Graph& graph, std::span<const std::vector<int64_t>> shapes);

  /// Element type and shape of a value, and its elements where they are folded.
  const Type& type(graph::ValueId value) const { return *types_[static_cast<size_t>(value)]; }
  /// The operator of a node; null where its outputs are folded.
  const Operator* op(size_t node) const { return ops_[node].get(); }

  /// Outputs for inputs of the shapes and types it was made for (bad_input otherwise, and where the graph knows a
  /// weight by its type alone). Allocates as it goes along and keeps nothing longer than it is read.
  Result<std::vector<graph::Tensor>> run(std::span<const graph::Tensor> inputs) const;

 private:
  explicit Evaluator(const graph::Graph& graph);
  Status take_inputs(std::span<const std::vector<int64_t>> shapes);
  Status prepare(size_t node);
  bool fold(const graph::Node& node, const Operator& made);

  const graph::Graph* graph_;
  std::vector<std::optional<Type>> types_;
  std::vector<std::unique_ptr<const graph::Tensor>> folded_;  ///< what types' constants that aren't the graph's lie in
  std::vector<bool> given_;  ///< values whose elements are known or will be made by a node prepared so far
  std::vector<std::unique_ptr<Operator>> ops_;
  graph::ValueId missing_ = graph::kNoValue;  ///< a value that a node reads and nobody gives, known by its type alone
  std::vector<size_t> last_use_;              ///< of each value: the node behind which nobody reads it
};

/// The shapes that a graph's inputs are declared with, dimensions of unknown size taken as `unknown`. bad_input: an
/// input without a shape or of no known element type.
Result<std::vector<std::vector<int64_t>>> declared_shapes(const graph::Graph& graph, int64_t unknown = 1);

}  // namespace sparsmith::ops

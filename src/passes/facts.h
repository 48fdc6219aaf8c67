/// \file
/// What is known of a graph's values without its inputs: shapes, types, contents. Where the model leaves sizes open, it
/// is evaluated at two sets of them, and what is equal at both is taken as independent of them.
#pragma once

#include <optional>
#include <vector>

#include "ops/evaluator.h"

namespace sparsmith::passes {

class Facts {
 public:
  /// The graph must outlive the facts. bad_input: nothing that was tried can be evaluated.
  static Result<Facts> of(const graph::Graph& graph);

  /// Type at one set of sizes, as an example. Null for values that passes have added.
  const ops::Type* example(graph::ValueId value) const;
  /// Sizes, -1 where they depend on the inputs'; none where they aren't certain.
  std::optional<std::vector<int64_t>> shape(graph::ValueId value) const;
  bool same_shape(graph::ValueId a, graph::ValueId b) const;
  /// Whether two dimensions are always of the same size.
  bool same_size(graph::ValueId a, size_t axis_of_a, graph::ValueId b, size_t axis_of_b) const;
  /// The elements, where they are the same at any size; null otherwise.
  const graph::Tensor* constant(graph::ValueId value) const;

 private:
  Facts() = default;

  std::vector<ops::Evaluator> evaluated_;
  size_t values_ = 0;             ///< that the graph had
  bool certain_ = false;          ///< no size is open, or two sets of them could be evaluated
  std::vector<bool> from_input_;  ///< values that may depend on the inputs, be it by their shape
};

}  // namespace sparsmith::passes

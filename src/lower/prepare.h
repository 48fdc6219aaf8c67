/// \file
/// Small changes to a graph that make lowering simple.
#pragma once

#include "graph/graph.h"
#include "ops/evaluator.h"

namespace sparsmith::lower {

/// * A 1x1 convolution with strides becomes a pooling of single pixels and a 1x1 convolution without: kernels then read
///   whole lines.
/// * The mean of whole images is a GlobalAveragePool, which has a step of its own.
/// * A 1x1 convolution of images that are single pixels, as squeeze-and-excitation has them, is a product of rows.
/// * Of an Add or Mul whose first operand is broadcast, the second comes first.
void prepare(graph::Graph& graph, const ops::Evaluator& types);

}  // namespace sparsmith::lower

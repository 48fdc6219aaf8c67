/// \file
/// Rewrites a model's graph into what is compiled: fewer operators, layers with all that belongs to them.
#pragma once

#include "graph/graph.h"
#include "sparsmith/result.h"

namespace sparsmith::passes {

/// A graph that computes the same from the same inputs, up to rounding. Constants are folded, copies dropped,
/// decomposed LayerNormalization, Gelu, HardSwish and SiLU one node; Conv, Gemm and MatMul with constant weights are
/// layers (ops/layer.h) that took in normalisation, scales, biases, padding, activation and residual. Names of inputs
/// and outputs stay. bad_input: as ops::Evaluator::create() has it, for shapes the model declares or sizes that were
/// tried where it leaves them open.
Result<graph::Graph> simplify(const graph::Graph& graph);

}  // namespace sparsmith::passes

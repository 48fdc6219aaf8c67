/// \file
/// The pipeline behind the passes.
#pragma once

#include "graph/graph.h"
#include "sparsmith/compile_model.h"

namespace sparsmith::lower {

/// compile_model() of a graph that has been simplified. May throw std::bad_alloc.
Result<CompiledModel> compile_graph(graph::Graph graph, const ModelOptions& options);

}  // namespace sparsmith::lower

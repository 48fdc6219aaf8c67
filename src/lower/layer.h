/// \file
/// A layer of a graph as the compiler of kernels takes it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "model/images.h"
#include "ops/evaluator.h"
#include "sparsmith/problem.h"
#include "sparsmith/weights.h"

namespace sparsmith::lower {

struct Layer {
  std::string name;
  Weights weights;
  Problem problem;  ///< without layouts and n, which its place in the program decides
  std::vector<float> bias, slope;
  bool whole_panels = false;  ///< CompileOptions::whole_panels
  LayerParams params() const { return {bias, {}, slope}; }
};

/// Whether the node is a layer of a kind that kernels compute: a two-dimensional convolution, or a product.
bool is_layer(const graph::Node& node);

using model::convolution_of;

/// bad_input: constants or attributes that don't belong together.
Result<Layer> make_layer(const graph::Graph& graph, const graph::Node& node, const ops::Evaluator& types,
                         std::optional<Conv2d> conv);

}  // namespace sparsmith::lower

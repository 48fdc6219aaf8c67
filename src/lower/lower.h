/// \file
/// From a simplified graph to a program: which work computes each node, in which formats values lie, and the layers
/// that become kernels.
#pragma once

#include <vector>

#include "lower/layer.h"
#include "model/program.h"

namespace sparsmith::lower {

struct Lowered {
  graph::Graph graph;         ///< without constants that only kernels read
  model::Program program;     ///< without kernels; works name them by number
  std::vector<Layer> layers;  ///< the kernels to be made, by that number
  bool images_apart = false;  ///< keeps_images_apart
};

/// Formats are chosen along the graph: images stay in strips from kernel to kernel, a product's output being written
/// into the next convolution's X where the cuts agree; rows stay in panels. What can run on them in place does; for
/// everything else values are unpacked. Shapes are those of one sample.
Result<Lowered> lower(graph::Graph graph);

}  // namespace sparsmith::lower

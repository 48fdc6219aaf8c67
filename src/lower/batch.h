/// \file
/// Whether a batch may be computed in parts.
#pragma once

#include "graph/graph.h"

namespace sparsmith::lower {

/// Whether the images (texts, rows) of a batch have nothing to do with each other: every input's first dimension is open,
/// and of every value the i-th part along its first dimension follows from the i-th part of the inputs alone. False
/// where an operator isn't known to keep them apart.
bool keeps_images_apart(const graph::Graph& graph);

}  // namespace sparsmith::lower

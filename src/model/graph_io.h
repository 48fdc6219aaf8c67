/// \file
/// Graphs as part of a model's artifact.
#pragma once

#include "artifact/image_format.h"
#include "graph/graph.h"

namespace sparsmith::model {

void write(const graph::Graph& graph, image_format::Writer& writer);

/// What is read is a graph whose indices are in range, whose nodes come after what they read, each value being made
/// once, and whose constants have as many bytes as their shapes say; else the reader turns bad.
graph::Graph read_graph(image_format::Reader& reader);

}  // namespace sparsmith::model

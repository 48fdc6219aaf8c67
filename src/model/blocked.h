/// \file
/// Operators on values in strips and panels: those to which channels and positions are all the same, or that know
/// channels only.
///
/// A value in a grid is [batch, positions, channels, 16] and one in panels [1, panels, K, 16]; an operator that works
/// element by element, or along channels, runs on that shape as it is. Lanes that hold nothing get what the formula
/// makes of them, and nobody reads them.
#pragma once

#include <optional>
#include <span>

#include "model/program.h"

namespace sparsmith::model {

/// A value and how it lies.
struct Placed {
  ops::Type type;
  Format format;
};

/// The formats in which the node can run blocked when its first input lies in `first`: one for each input (plain where
/// it is a constant, or a runtime value that is the same for all positions), all outputs in `first`. Nothing where it
/// can't. `types` of inputs, then outputs.
std::optional<std::vector<Format>> blocked_formats(const graph::Graph& graph, const graph::Node& node,
                                                   std::span<const std::optional<ops::Type>> inputs,
                                                   std::span<const ops::Type> outputs, const Format& first);

}  // namespace sparsmith::model

/// \file
/// Operators that go along rows in panels: LayerNormalization, attention, and views that leave rows whole.
#pragma once

#include <optional>
#include <span>

#include "model/step.h"

namespace sparsmith::model {

/// The formats of the node's inputs, the output being in panels; nothing where it isn't such an operator, or goes along
/// something else than rows. Entries of absent inputs mean nothing.
std::optional<std::vector<Format>> row_formats(const graph::Graph& graph, const graph::Node& node,
                                               std::span<const std::optional<ops::Type>> inputs,
                                               std::span<const ops::Type> outputs);

/// Whether a node's output has the input's elements in the same order.
bool is_view(const graph::Node& node);

/// The step of a `blocked` work whose node has row_formats().
Result<std::unique_ptr<Step>> make_row_step(const StepSource& source);

}  // namespace sparsmith::model

/// \file
/// Operators that go along rows in panels: LayerNormalization and attention.
#pragma once

#include <optional>
#include <span>

#include "model/step.h"

namespace sparsmith::model {

/// The formats of the node's inputs, the output being in panels; nothing where it isn't such an operator, or goes along
/// something else than rows. Entries of absent inputs mean nothing.
std::optional<std::vector<Format>> row_formats(const graph::Graph& graph, const graph::Node& node,
                                               std::span<const std::optional<ops::Type>> inputs);

/// The step of a `blocked` work whose node has row_formats().
Result<std::unique_ptr<Step>> make_row_step(const StepSource& source);

}  // namespace sparsmith::model

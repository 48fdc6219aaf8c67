/// \file
/// Choosing a schedule by measuring it.
#pragma once

#include "compiler/build_image.h"
#include "sparsmith/weights.h"

namespace sparsmith {

/// Measures the best predicted candidates of `plan` on this machine, always the best dense one among them, within about
/// `budget_ms`, and chooses by the result. The plan is unchanged when the target can't run here.
Status tune(Plan& plan, const Weights& weights, const Problem& problem, const LayerParams& params, const Target& target,
            double budget_ms);

}  // namespace sparsmith

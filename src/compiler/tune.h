/// \file
/// Choosing a schedule by measuring it.
#pragma once

#include "compiler/build_image.h"
#include "sparsmith/compiler.h"
#include "sparsmith/weights.h"

namespace sparsmith {

/// Measures the best predicted candidates of `plan` on this machine, always the best dense one among them, within about
/// CompileOptions::tune_ms, and chooses by the result: warm, or as a network of network_code_bytes leaves code and
/// values. The plan is unchanged when the target can't run here.
Status tune(Plan& plan, const Weights& weights, const Problem& problem, const LayerParams& params, const Target& target,
            const CompileOptions& options);

}  // namespace sparsmith

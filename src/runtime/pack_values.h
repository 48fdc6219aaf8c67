/// \file
/// Weights and parameters in the order that generated code streams them.
#pragma once

#include <span>

#include "artifact/image.h"
#include "sparsmith/problem.h"
#include "sparsmith/result.h"
#include "sparsmith/weights.h"

namespace sparsmith {

/// Success when the weights have exactly the image's nonzeros; else bad_input naming the first row that differs.
/// Compares content: no hashing, about the time to read both once.
Status check_pattern(const KernelImage& image, const Pattern& pattern);

/// Fills `packed` (one float per source). `weights` are in CSR order of the image's pattern; `params` holds what the
/// epilogue asks for. internal: a source names something that isn't there; `packed` is unspecified then.
Status pack_values(std::span<const ValueSource> sources, std::span<const float> weights, const Epilogue& epilogue,
                   const LayerParams& params, std::span<float> packed);

}  // namespace sparsmith

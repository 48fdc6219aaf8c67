/// \file
/// Pattern + problem + schedule -> KernelImage: tiles, Programs, code.
#pragma once

#include <string>

#include "artifact/image.h"
#include "sparsmith/pattern.h"
#include "sparsmith/result.h"
#include "sparsmith/target.h"

namespace sparsmith {

/// Emits the code of `plan.chosen`. The image holds the pattern and no values.
Result<KernelImage> build_image(const Pattern& pattern, const Problem& problem, const Plan& plan, const Target& target,
                                const std::string& name);

}  // namespace sparsmith

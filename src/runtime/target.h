/// \file
/// Target's rules as functions of a CPU's features, so that they hold for machines other than this one.
#pragma once

#include <string>
#include <vector>

#include "runtime/cpu_features.h"
#include "sparsmith/target.h"

namespace sparsmith {

/// The text of the best target for a CPU with these features; unsuitable when it has neither AVX-512 nor AVX2 + FMA.
Result<std::string> target_text_for(const CpuFeatures& cpu);

/// The most important of `wanted` that a CPU with these features lacks, or empty. A name that isn't known is lacking.
std::string first_missing(const std::vector<std::string>& wanted, const CpuFeatures& cpu);

}  // namespace sparsmith

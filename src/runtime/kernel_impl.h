/// \file
/// Kernel's insides, and how the compiler makes one.
#pragma once

#include <memory>
#include <vector>

#include "runtime/loaded_code.h"
#include "sparsmith/kernel.h"

namespace sparsmith {

struct Kernel::Impl {
  std::shared_ptr<const LoadedCode> code;
  Problem problem;  ///< this kernel's own constants (alpha, lo, hi); the image's are those of whoever built it first
  BuildReport report;
  std::vector<float> values;  ///< packed, in the code's order; kernels that share code have values of their own
  int64_t tiles = 0;          ///< of the code's segments
};

/// Links weights and parameters to code made for their pattern: packs values, checks that everything the epilogue names
/// is given.
Result<Kernel> make_kernel(std::shared_ptr<const LoadedCode> code, const Problem& problem, const Weights& weights,
                           const LayerParams& params, BuildReport report);

/// Checks shapes of `params` against the epilogue: exactly the vectors it asks for, m floats each.
Status check_params(const Epilogue& epilogue, const LayerParams& params, int64_t m);

}  // namespace sparsmith

/// \file
/// FusedKernel's rules for kernels that it doesn't own: what pairs, and what a call of the two does.
#pragma once

#include <cstdint>

#include "sparsmith/fused.h"
#include "sparsmith/kernel.h"

namespace sparsmith {

/// All but of() takes the kernels that it was made of.
struct KernelPair {
  FuseOptions options;
  Problem problem;  ///< X of the convolution, Y and epilogue of the product

  /// Errors are those of fuse().
  static Result<KernelPair> of(const Kernel& first, const Kernel& pointwise, const FuseOptions& options);
  /// FusedKernel::run() and plan().
  Status run(const Kernel& first, const Kernel& pointwise, const RunArgs& args) const;
  FusePlan plan(const Kernel& first, const Kernel& pointwise, int64_t batch, int threads) const;
  /// By sizes, of an image on one thread, between other layers (fusion.h).
  bool pays_in_chain(const Kernel& first, const Kernel& pointwise) const;
};

}  // namespace sparsmith

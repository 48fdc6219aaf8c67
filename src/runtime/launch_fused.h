/// \file
/// The launcher of two kernels in one call: a spatial convolution and a product over its channels.
#pragma once

#include "runtime/launch.h"

namespace sparsmith {

struct FusedLaunch {
  Launch first, second;
  int64_t block_positions = 0;  ///< computed by both kernels before the next; 0: all, by one kernel after the other
};

/// Runs both; `operands` are X of the first and Y of the second, in strips or plain, of the first one's convolution.
/// Threads divide positions where blocks are fused. Every element of Y is computed by the same operations in the same
/// order however the positions are cut.
Status launch_fused(const FusedLaunch& pair, const Operands& operands, int threads);

}  // namespace sparsmith

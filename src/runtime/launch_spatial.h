/// \file
/// The launcher of spatial convolutions: images go through strips.
#pragma once

#include "runtime/launch.h"

namespace sparsmith {

/// Packs plain images into strips, computes, unpacks; a group of images at a time: as many as keep packed strips
/// within L2, at least one. Threads divide position rows when packing, and positions, tiles or both when computing
/// (split.h).
Status launch_spatial(const Launch& kernel, const Operands& operands, int threads);

}  // namespace sparsmith

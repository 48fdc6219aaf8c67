/// \file
/// Works that are computed in one call: a depthwise convolution and the 1x1 convolution behind it (fused.h).
#pragma once

#include <cstdint>
#include <vector>

#include "model/program.h"
#include "sparsmith/fused.h"

namespace sparsmith::model {

/// For each work the number of the one before it that its step computes too, or Work::kNone. Those are kernels of a
/// depthwise convolution on strips and of a product that alone reads what it writes, where that pays for an image on
/// one thread (automatic), always (fused), or never (separate). Graph and program must be checked.
std::vector<int32_t> works_before(const graph::Graph& graph, const Program& program,
                                  FuseOptions::Way way = FuseOptions::Way::automatic);

}  // namespace sparsmith::model

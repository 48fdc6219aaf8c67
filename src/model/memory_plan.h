/// \file
/// Where buffers lie in one block of memory, so that those that are needed at the same time don't overlap.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace sparsmith::model {

/// Memory that is needed from step `first` to step `last`, both included.
struct Lifetime {
  int64_t bytes = 0;
  int64_t first = 0, last = 0;
};

struct MemoryPlan {
  std::vector<int64_t> offsets;  ///< of each lifetime, multiples of 64
  int64_t bytes = 0;             ///< of the block
  int64_t unshared_bytes = 0;    ///< if nothing were reused
};

/// Greedy by size: the largest first, each at the lowest place that is free while it lives (Pisarchyk and Lee,
/// "Efficient memory management for deep neural net inference", 2020; within some percent of the lower bound for
/// networks).
MemoryPlan plan_memory(std::span<const Lifetime> lifetimes);

}  // namespace sparsmith::model

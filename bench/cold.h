/// \file
/// Timing with nothing in the caches: what a layer costs in a network whose other layers ran in between.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/measure.h"

namespace sparsmith::bench {

/// Throws the process's memory out of all cache levels, line by line (clflush), without changing it.
///
/// What is flushed: every resident page that no file backs. That is the heap, stacks, large allocations and generated
/// code, so activations, weights in any library's own layout, packed values, and machine code of ours, oneDNN, LIBXSMM
/// and XNNPACK alike, wherever a library keeps them. What stays: code and constants of programs and shared libraries,
/// which the layers of a network share; branch predictors; page tables. First and second level TLBs are swept.
class CacheEvictor {
 public:
  CacheEvictor();
  ~CacheEvictor();
  CacheEvictor(const CacheEvictor&) = delete;
  CacheEvictor& operator=(const CacheEvictor&) = delete;

  /// Why evicting isn't possible on this machine; empty when it is.
  const std::string& unsuitable() const { return unsuitable_; }
  /// Bytes flushed. Other threads of the process must not unmap memory meanwhile.
  int64_t evict();

 private:
  std::string unsuitable_;
  int pagemap_ = -1;
  char* pages_ = nullptr;  ///< one line of each is read to sweep the TLBs
  std::vector<uint64_t> entries_;
};

/// Times the contenders in turn, each call after an eviction. `budget_ms` is timed and untimed work of each contender
/// together; at least `min_samples` samples of one call each. Empty when the evictor is unsuitable.
std::vector<Timing> measure_cold(const std::vector<Contender>& contenders, CacheEvictor& evictor,
                                 const MeasureOptions& options = {});

}  // namespace sparsmith::bench

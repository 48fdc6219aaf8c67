/// \file
/// How much of something misses a cache, as every part of the cost model sees it.
#pragma once

#include <algorithm>
#include <cstdint>

namespace sparsmith {

/// 0 up to `none` bytes, 1 from `all` on, a line between them.
inline double ramp(double bytes, double none, double all) {
  return std::clamp((bytes - none) / (all - none), 0.0, 1.0);
}

/// Of a working set: none misses up to three quarters of the cache, all from five quarters on.
inline double miss_share(double bytes, int64_t cache) {
  const auto size = static_cast<double>(cache);
  return ramp(bytes, 0.75 * size, 1.25 * size);
}

/// Of code and values, which share the cache with activations: none misses up to half of it, all when it is full.
inline double code_miss_share(double bytes, int64_t cache) {
  const auto size = static_cast<double>(cache);
  return ramp(bytes, 0.5 * size, size);
}

}  // namespace sparsmith

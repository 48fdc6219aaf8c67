/// \file
/// Sums and extremes of many numbers in vector lanes: loops that compilers vectorise though order matters to floats.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

namespace sparsmith::ops {

inline constexpr int64_t kLanes = 16;
/// Floats that a lane adds up at most before double takes over, so that errors stay those of short sums.
inline constexpr int64_t kLaneDepth = 64;

/// The larger or smaller; NaN if one is.
struct Larger {
  template <class T>
  T operator()(T a, T b) const {
    return (a > b) | (a != a) ? a : b;
  }
};
struct Smaller {
  template <class T>
  T operator()(T a, T b) const {
    return (a < b) | (a != a) ? a : b;
  }
};

/// f(x[0]) + f(x[1]) + ...
template <class F>
double sum_of(const float* x, int64_t count, const F& f) {
  double total = 0;
  while (count >= kLanes) {
    const int64_t rows = std::min(count / kLanes, kLaneDepth);
    float lanes[kLanes] = {};
    for (int64_t row = 0; row < rows; ++row, x += kLanes) {
      for (int64_t i = 0; i < kLanes; ++i) lanes[i] += f(x[i]);
    }
    for (const float lane : lanes) total += double{lane};
    count -= rows * kLanes;
  }
  for (int64_t i = 0; i < count; ++i) total += double{f(x[i])};
  return total;
}

/// f(f(x[0], x[1]), x[2]) ... of an f whose order doesn't matter; `start` where there is none.
template <class T, class F>
T fold_of(const T* x, int64_t count, T start, const F& f) {
  T result = start;
  if (count >= kLanes) {
    T lanes[kLanes];
    std::copy_n(x, kLanes, lanes);
    for (x += kLanes, count -= kLanes; count >= kLanes; x += kLanes, count -= kLanes) {
      for (int64_t i = 0; i < kLanes; ++i) lanes[i] = f(lanes[i], x[i]);
    }
    for (const T lane : lanes) result = f(result, lane);
  }
  for (int64_t i = 0; i < count; ++i) result = f(result, x[i]);
  return result;
}

}  // namespace sparsmith::ops

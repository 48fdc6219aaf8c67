/// \file
/// Arithmetic on lines of 16 lanes, for steps that run on strips; at the machine's own vector width.
#pragma once

#include <cstdint>

namespace sparsmith::model {

struct LineMath {
  /// y[c] = the largest of x[taps[t] + c] + masks[t], for every channel c of a position, each a line. NaN stays.
  void (*largest)(const float* x, const int64_t* taps, int64_t count, const float* masks, int64_t channels, float* y);
  /// y[c] = the sum of x[taps[t] + c], times `shares`.
  void (*mean)(const float* x, const int64_t* taps, int64_t count, const float* shares, int64_t channels, float* y);
  /// sums[c] += x[c] in lanes that are inside: those whose number isn't 0.
  void (*add)(const float* x, const int32_t* inside, int64_t channels, float* sums);
};

const LineMath& line_math();

}  // namespace sparsmith::model

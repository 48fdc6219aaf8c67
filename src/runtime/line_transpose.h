/// \file
/// Lines of 16 lanes, a channel each, to lines whose lanes are channels, and back.
#pragma once

#include <cstdint>

namespace sparsmith {

struct LineTranspose {
  /// Lane l of the lines x, x + stride, ..., `count` <= 16 of them, zeros for the others, to line to[l] of y.
  void (*scatter)(const float* x, int64_t stride, int64_t count, const int32_t* to, float* y);
  /// The reverse: lane c of line from[l] of x to lane l of y + c * stride, for c < count.
  void (*gather)(const float* x, const int32_t* from, int64_t stride, int64_t count, float* y);
};

extern const LineTranspose kPortableLineTranspose;
#if defined(__x86_64__)
extern const LineTranspose kAvx512LineTranspose;
#endif

/// The fastest of them that this CPU runs.
const LineTranspose& line_transpose();

}  // namespace sparsmith

/// \file
/// Arithmetic on pixels of 16 channels, a line each; at the machine's own vector width.
#pragma once

#include <cstdint>

namespace sparsmith::model {

struct PixelMath {
  /// For each of `pixels` pixels p, y[p] = a sum of x[taps[t] + p * step] * weights[t] over t < count, from `start` on,
  /// then between lo and hi (NaN stays). A pixel, of weights too, is a line; `taps` and `step` count lines, `start`,
  /// `lo` and `hi` are lines.
  void (*weigh)(const float* x, const int32_t* taps, int64_t step, const float* weights, int64_t count,
                const float* start, const float* lo, const float* hi, int64_t pixels, float* y);
  /// y[p] = the largest of x[taps[t] + p * step]. NaN stays.
  void (*largest)(const float* x, const int32_t* taps, int64_t step, int64_t count, int64_t pixels, float* y);
  /// y[p] = a sum of x[index[p * width + t]] * weights[p * width + t] over t < width.
  void (*interpolate)(const float* x, const int32_t* index, const float* weights, int64_t width, int64_t pixels,
                      float* y);
};

extern const PixelMath kPortablePixelMath;
#if defined(__x86_64__)
extern const PixelMath kAvx2PixelMath;
extern const PixelMath kAvx512PixelMath;
#endif

/// The fastest of them that this CPU runs.
const PixelMath& pixel_math();

}  // namespace sparsmith::model

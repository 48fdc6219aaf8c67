#include "model/pixel_lines.h"

#include <algorithm>

#include "runtime/intrinsics.h"
#include "sparsmith/panel.h"

namespace sparsmith::model {
namespace {

constexpr int64_t kLanes = kPanelWidth;

// --- Loops that compilers vectorise

#define SPARSMITH_LINES [[gnu::always_inline]] inline

SPARSMITH_LINES void weigh_row(const float* x, const int32_t* taps, int64_t step, const float* weights, int64_t count,
                               const float* start, const float* lo, const float* hi, int64_t pixels, float* y) {
  for (int64_t p = 0; p < pixels; ++p, x += step * kLanes, y += kLanes) {
    float sums[kLanes];
    std::copy_n(start, kLanes, sums);
    for (int64_t t = 0; t < count; ++t) {
      const float* const from = x + taps[t] * kLanes;
      for (int64_t l = 0; l < kLanes; ++l) sums[l] += from[l] * weights[t * kLanes + l];
    }
    for (int64_t l = 0; l < kLanes; ++l) {
      const float low = sums[l] < lo[l] ? lo[l] : sums[l];
      y[l] = low > hi[l] ? hi[l] : low;
    }
  }
}

SPARSMITH_LINES void largest_row(const float* x, const int32_t* taps, int64_t step, int64_t count, int64_t pixels,
                                 float* y) {
  for (int64_t p = 0; p < pixels; ++p, x += step * kLanes, y += kLanes) {
    float best[kLanes];
    std::copy_n(x + taps[0] * kLanes, kLanes, best);
    for (int64_t t = 1; t < count; ++t) {
      const float* const v = x + taps[t] * kLanes;
      for (int64_t l = 0; l < kLanes; ++l) best[l] = ((best[l] >= v[l]) | (best[l] != best[l])) ? best[l] : v[l];
    }
    std::copy_n(best, kLanes, y);
  }
}

SPARSMITH_LINES void interpolate_row(const float* x, const int32_t* index, const float* weights, int64_t width,
                                     int64_t pixels, float* y) {
  for (int64_t p = 0; p < pixels; ++p, y += kLanes) {
    float sums[kLanes] = {};
    for (int64_t t = 0; t < width; ++t, ++index, ++weights) {
      const float* const from = x + *index * kLanes;
      for (int64_t l = 0; l < kLanes; ++l) sums[l] += from[l] * *weights;
    }
    std::copy_n(sums, kLanes, y);
  }
}

#define SPARSMITH_PIXEL_MATH(name, target)                                                                         \
  target void name##_weigh(const float* x, const int32_t* taps, int64_t step, const float* weights, int64_t count, \
                           const float* start, const float* lo, const float* hi, int64_t pixels, float* y) {       \
    weigh_row(x, taps, step, weights, count, start, lo, hi, pixels, y);                                            \
  }                                                                                                                \
  target void name##_largest(const float* x, const int32_t* taps, int64_t step, int64_t count, int64_t pixels,     \
                             float* y) {                                                                           \
    largest_row(x, taps, step, count, pixels, y);                                                                  \
  }                                                                                                                \
  target void name##_interpolate(const float* x, const int32_t* index, const float* weights, int64_t width,        \
                                 int64_t pixels, float* y) {                                                       \
    interpolate_row(x, index, weights, width, pixels, y);                                                          \
  }

SPARSMITH_PIXEL_MATH(portable, )

#if defined(__x86_64__)
SPARSMITH_PIXEL_MATH(avx2, __attribute__((target("avx2,fma"))))

#define SPARSMITH_AVX512 __attribute__((target("avx512f")))

/// So many neighbouring pixels, whose sums stay in registers; kStep: lines from one to the next, or 0 where `step`
/// says.
template <int kPixels, int64_t kStep>
SPARSMITH_AVX512 void weigh_some(const float* x, const int32_t* taps, int64_t step, const float* weights, int64_t count,
                                 const float* start, const float* lo, const float* hi, float* y) {
  if (kStep > 0) step = kStep;  // distances are then constants
  __m512 sums[kPixels];
#pragma GCC unroll 8
  for (__m512& sum : sums) sum = _mm512_loadu_ps(start);
  for (int64_t t = 0; t < count; ++t) {
    const float* const from = x + taps[t] * kLanes;
    const __m512 weight = _mm512_loadu_ps(weights + t * kLanes);
#pragma GCC unroll 8
    for (int p = 0; p < kPixels; ++p) {
      sums[p] = _mm512_fmadd_ps(weight, _mm512_loadu_ps(from + p * step * kLanes), sums[p]);
    }
  }
  const __m512 least = _mm512_loadu_ps(lo), most = _mm512_loadu_ps(hi);
#pragma GCC unroll 8
  for (int p = 0; p < kPixels; ++p) {
    // Where one is NaN, the second operand is the result.
    _mm512_storeu_ps(y + p * kLanes, _mm512_min_ps(most, _mm512_max_ps(least, sums[p])));
  }
}

/// Rows are cut into pieces of about the same length, up to 8 pixels.
template <int64_t kStep>
SPARSMITH_AVX512 void weigh_pieces(const float* x, const int32_t* taps, int64_t step, const float* weights,
                                   int64_t count, const float* start, const float* lo, const float* hi, int64_t pixels,
                                   float* y) {
  for (int64_t pieces = (pixels + 7) / 8; pieces > 0; --pieces) {
    int64_t rest = (pixels + pieces - 1) / pieces;
    pixels -= rest;
    while (rest > 0) {
      const int64_t now = rest >= 7 ? rest : rest >= 4 ? 4 : rest >= 2 ? 2 : 1;
      const auto some = now == 8   ? weigh_some<8, kStep>
                        : now == 7 ? weigh_some<7, kStep>
                        : now == 4 ? weigh_some<4, kStep>
                        : now == 2 ? weigh_some<2, kStep>
                                   : weigh_some<1, kStep>;
      some(x, taps, step, weights, count, start, lo, hi, y);
      x += now * step * kLanes;
      y += now * kLanes;
      rest -= now;
    }
  }
}

SPARSMITH_AVX512 void weigh_avx512(const float* x, const int32_t* taps, int64_t step, const float* weights,
                                   int64_t count, const float* start, const float* lo, const float* hi, int64_t pixels,
                                   float* y) {
  (step == 1 ? weigh_pieces<1> : weigh_pieces<0>)(x, taps, step, weights, count, start, lo, hi, pixels, y);
}

SPARSMITH_AVX512 void largest_avx512(const float* x, const int32_t* taps, int64_t step, int64_t count, int64_t pixels,
                                     float* y) {
  for (int64_t p = 0; p < pixels; ++p, x += step * kLanes, y += kLanes) {
    __m512 best = _mm512_loadu_ps(x + taps[0] * kLanes);
    for (int64_t t = 1; t < count; ++t) {
      const __m512 v = _mm512_loadu_ps(x + taps[t] * kLanes);
      best = _mm512_mask_max_ps(best, _mm512_cmp_ps_mask(best, best, _CMP_ORD_Q), best, v);
    }
    _mm512_storeu_ps(y, best);
  }
}

SPARSMITH_AVX512 void interpolate_avx512(const float* x, const int32_t* index, const float* weights, int64_t width,
                                         int64_t pixels, float* y) {
  for (int64_t p = 0; p < pixels; ++p, y += kLanes) {
    __m512 sum = _mm512_setzero_ps();
    for (int64_t t = 0; t < width; ++t, ++index, ++weights) {
      sum = _mm512_fmadd_ps(_mm512_loadu_ps(x + *index * kLanes), _mm512_set1_ps(*weights), sum);
    }
    _mm512_storeu_ps(y, sum);
  }
}

#endif

}  // namespace

const PixelMath kPortablePixelMath = {portable_weigh, portable_largest, portable_interpolate};
#if defined(__x86_64__)
const PixelMath kAvx2PixelMath = {avx2_weigh, avx2_largest, avx2_interpolate};
const PixelMath kAvx512PixelMath = {weigh_avx512, largest_avx512, interpolate_avx512};
#endif

const PixelMath& pixel_math() {
#if defined(__x86_64__)
  static const PixelMath& best = __builtin_cpu_supports("avx512f")                                 ? kAvx512PixelMath
                                 : __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? kAvx2PixelMath
                                                                                                   : kPortablePixelMath;
  return best;
#else
  return kPortablePixelMath;
#endif
}

}  // namespace sparsmith::model

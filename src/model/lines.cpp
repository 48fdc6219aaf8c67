#include "model/lines.h"

#include "runtime/intrinsics.h"
#include "sparsmith/panel.h"

namespace sparsmith::model {
namespace {

constexpr int64_t kLanes = kPanelWidth;

void largest_portable(const float* x, const int64_t* taps, int64_t count, const float* masks, int64_t channels,
                      float* y) {
  for (int64_t c = 0; c < channels; ++c, x += kLanes, y += kLanes) {
    for (int64_t l = 0; l < kLanes; ++l) y[l] = x[taps[0] + l] + masks[l];
    for (int64_t t = 1; t < count; ++t) {
      for (int64_t l = 0; l < kLanes; ++l) {
        const float v = x[taps[t] + l] + masks[t * kLanes + l], best = y[l];
        y[l] = best >= v || best != best ? best : v;
      }
    }
  }
}

void mean_portable(const float* x, const int64_t* taps, int64_t count, const float* shares, int64_t channels,
                   float* y) {
  for (int64_t c = 0; c < channels; ++c, x += kLanes, y += kLanes) {
    for (int64_t l = 0; l < kLanes; ++l) y[l] = x[taps[0] + l];
    for (int64_t t = 1; t < count; ++t) {
      for (int64_t l = 0; l < kLanes; ++l) y[l] += x[taps[t] + l];
    }
    for (int64_t l = 0; l < kLanes; ++l) y[l] *= shares[l];
  }
}

void add_portable(const float* x, const int32_t* inside, int64_t channels, float* sums) {
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t l = 0; l < kLanes; ++l) sums[c * kLanes + l] += inside[l] != 0 ? x[c * kLanes + l] : 0.0f;
  }
}

constexpr LineMath kPortable{largest_portable, mean_portable, add_portable};

#if defined(__x86_64__)
#define SPARSMITH_AVX512 __attribute__((target("avx512f")))

SPARSMITH_AVX512 void largest_avx512(const float* x, const int64_t* taps, int64_t count, const float* masks,
                                     int64_t channels, float* y) {
  for (int64_t c = 0; c < channels; ++c, x += kLanes, y += kLanes) {
    __m512 best = _mm512_add_ps(_mm512_loadu_ps(x + taps[0]), _mm512_loadu_ps(masks));
    for (int64_t t = 1; t < count; ++t) {
      const __m512 v = _mm512_add_ps(_mm512_loadu_ps(x + taps[t]), _mm512_loadu_ps(masks + t * kLanes));
      // Where one is NaN vmaxps gives its second operand, so a NaN in `best` has to be kept by hand.
      const __mmask16 number = _mm512_cmp_ps_mask(best, best, _CMP_ORD_Q);
      best = _mm512_mask_max_ps(best, number, best, v);
    }
    _mm512_storeu_ps(y, best);
  }
}

SPARSMITH_AVX512 void mean_avx512(const float* x, const int64_t* taps, int64_t count, const float* shares,
                                  int64_t channels, float* y) {
  const __m512 share = _mm512_loadu_ps(shares);
  for (int64_t c = 0; c < channels; ++c, x += kLanes, y += kLanes) {
    __m512 sum = _mm512_loadu_ps(x + taps[0]);
    for (int64_t t = 1; t < count; ++t) sum = _mm512_add_ps(sum, _mm512_loadu_ps(x + taps[t]));
    _mm512_storeu_ps(y, _mm512_mul_ps(sum, share));
  }
}

SPARSMITH_AVX512 void add_avx512(const float* x, const int32_t* inside, int64_t channels, float* sums) {
  const __mmask16 lanes = _mm512_cmpneq_epi32_mask(_mm512_loadu_si512(inside), _mm512_setzero_si512());
  for (int64_t c = 0; c < channels; ++c, x += kLanes, sums += kLanes) {
    _mm512_storeu_ps(sums, _mm512_add_ps(_mm512_loadu_ps(sums), _mm512_maskz_loadu_ps(lanes, x)));
  }
}

constexpr LineMath kAvx512{largest_avx512, mean_avx512, add_avx512};
#endif

}  // namespace

const LineMath& line_math() {
#if defined(__x86_64__)
  static const LineMath& best = __builtin_cpu_supports("avx512f") ? kAvx512 : kPortable;
  return best;
#else
  return kPortable;
#endif
}

}  // namespace sparsmith::model

#include "runtime/line_transpose.h"

#if defined(__x86_64__)
#include "runtime/transpose_avx512.h"
#endif

namespace sparsmith {
namespace {

constexpr int64_t kLanes = 16;

void scatter_portable(const float* x, int64_t stride, int64_t count, const int32_t* to, float* y) {
  for (int64_t l = 0; l < kLanes; ++l) {
    float* const line = y + to[l] * kLanes;
    for (int64_t c = 0; c < count; ++c) line[c] = x[c * stride + l];
    for (int64_t c = count; c < kLanes; ++c) line[c] = 0;
  }
}

void gather_portable(const float* x, const int32_t* from, int64_t stride, int64_t count, float* y) {
  for (int64_t l = 0; l < kLanes; ++l) {
    const float* const line = x + from[l] * kLanes;
    for (int64_t c = 0; c < count; ++c) y[c * stride + l] = line[c];
  }
}

#if defined(__x86_64__)
SPARSMITH_AVX512 void scatter_avx512(const float* x, int64_t stride, int64_t count, const int32_t* to, float* y) {
  __m512 v[kLanes];
  for (int64_t c = 0; c < kLanes; ++c) v[c] = c < count ? _mm512_loadu_ps(x + c * stride) : _mm512_setzero_ps();
  transpose(v);
  for (int64_t l = 0; l < kLanes; ++l) _mm512_storeu_ps(y + to[l] * kLanes, v[l]);
}

SPARSMITH_AVX512 void gather_avx512(const float* x, const int32_t* from, int64_t stride, int64_t count, float* y) {
  __m512 v[kLanes];
  for (int64_t l = 0; l < kLanes; ++l) v[l] = _mm512_loadu_ps(x + from[l] * kLanes);
  transpose(v);
  for (int64_t c = 0; c < kLanes; ++c) {
    if (c < count) _mm512_storeu_ps(y + c * stride, v[c]);
  }
}
#endif

}  // namespace

const LineTranspose kPortableLineTranspose = {scatter_portable, gather_portable};
#if defined(__x86_64__)
const LineTranspose kAvx512LineTranspose = {scatter_avx512, gather_avx512};
#endif

const LineTranspose& line_transpose() {
#if defined(__x86_64__)
  static const LineTranspose& best = __builtin_cpu_supports("avx512f") ? kAvx512LineTranspose : kPortableLineTranspose;
  return best;
#else
  return kPortableLineTranspose;
#endif
}

}  // namespace sparsmith

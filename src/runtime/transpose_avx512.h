/// \file
/// 16 x 16 floats transposed in registers. Only for files that then choose at run time whether to use it.
#pragma once

#include "runtime/intrinsics.h"

#define SPARSMITH_AVX512 __attribute__((target("avx512f")))

namespace sparsmith {

/// Rows of 16 to columns: four rounds of shuffles, 64 in all.
SPARSMITH_AVX512 inline void transpose(__m512 (&v)[16]) {
  __m512 a[16];
  for (int i = 0; i < 16; i += 2) {
    a[i] = _mm512_unpacklo_ps(v[i], v[i + 1]);
    a[i + 1] = _mm512_unpackhi_ps(v[i], v[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    for (int j = 0; j < 2; ++j) {
      const __m512d low = _mm512_castps_pd(a[i + j]), high = _mm512_castps_pd(a[i + 2 + j]);
      v[i + 2 * j] = _mm512_castpd_ps(_mm512_unpacklo_pd(low, high));
      v[i + 2 * j + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low, high));
    }
  }
  // v[4g + j]: column j of each 128-bit quarter, rows 4g .. 4g + 3.
  for (int j = 0; j < 4; ++j) {
    a[j] = _mm512_shuffle_f32x4(v[j], v[4 + j], 0x88);
    a[4 + j] = _mm512_shuffle_f32x4(v[j], v[4 + j], 0xdd);
    a[8 + j] = _mm512_shuffle_f32x4(v[8 + j], v[12 + j], 0x88);
    a[12 + j] = _mm512_shuffle_f32x4(v[8 + j], v[12 + j], 0xdd);
  }
  for (int j = 0; j < 4; ++j) {
    v[j] = _mm512_shuffle_f32x4(a[j], a[8 + j], 0x88);
    v[8 + j] = _mm512_shuffle_f32x4(a[j], a[8 + j], 0xdd);
    v[4 + j] = _mm512_shuffle_f32x4(a[4 + j], a[12 + j], 0x88);
    v[12 + j] = _mm512_shuffle_f32x4(a[4 + j], a[12 + j], 0xdd);
  }
}

}  // namespace sparsmith

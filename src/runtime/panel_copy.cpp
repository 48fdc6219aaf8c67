#include "runtime/panel_copy.h"

#include <algorithm>
#include <cstring>

#include "sparsmith/panel.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace sparsmith {
namespace {

constexpr int64_t kWidth = kPanelWidth;

// Walks rows in blocks and panels inside them: a block of the plain matrix is read a few lines at a time and each panel
// written in runs. Either plain loop order loses up to half of the copy speed on some shapes (256 x 784, 64 x 3136).
constexpr int64_t kRowBlock = 64;

template <class CopyLine>
inline __attribute__((always_inline)) void for_each_line(int64_t row_stride, int64_t rows, int64_t count,
                                                         CopyLine copy_line) {
  for (int64_t begin = 0; begin < rows; begin += kRowBlock) {
    const int64_t end = std::min(rows, begin + kRowBlock);
    for (int64_t p = 0; p < count; ++p) {
      for (int64_t r = begin; r < end; ++r) copy_line(r * row_stride + p * kWidth, (p * rows + r) * kWidth);
    }
  }
}

// --- Portable
// ---------------------------------------------------------------------------------------------------------

constexpr size_t kLineBytes = kWidth * sizeof(float);

void pack_full_portable(const float* source, int64_t row_stride, int64_t rows, int64_t count, float* panels) {
  for_each_line(row_stride, rows, count,
                [=](int64_t plain, int64_t packed) { std::memcpy(panels + packed, source + plain, kLineBytes); });
}

void unpack_full_portable(const float* panels, int64_t rows, int64_t count, float* target, int64_t row_stride) {
  for_each_line(row_stride, rows, count,
                [=](int64_t plain, int64_t packed) { std::memcpy(target + plain, panels + packed, kLineBytes); });
}

void pack_pieces_portable(const PanelPieces<const float*>& pieces, int64_t row_stride, int64_t rows, float* panel) {
  const int used = pieces.first_lanes + pieces.second_lanes;
  for (int64_t r = 0; r < rows; ++r, panel += kWidth) {
    const int64_t at = r * row_stride;
    for (int l = 0; l < pieces.first_lanes; ++l) panel[l] = pieces.first[at + l];
    for (int l = 0; l < pieces.second_lanes; ++l) panel[pieces.first_lanes + l] = pieces.second[at + l];
    for (int l = used; l < kWidth; ++l) panel[l] = 0;
  }
}

void unpack_pieces_portable(const float* panel, int64_t rows, const PanelPieces<float*>& pieces, int64_t row_stride) {
  for (int64_t r = 0; r < rows; ++r, panel += kWidth) {
    const int64_t at = r * row_stride;
    for (int l = 0; l < pieces.first_lanes; ++l) pieces.first[at + l] = panel[l];
    for (int l = 0; l < pieces.second_lanes; ++l) pieces.second[at + l] = panel[pieces.first_lanes + l];
  }
}

void gather_portable(const float* source, const int64_t* offsets, int lanes, int64_t row_stride, int64_t rows,
                     float* panel) {
  for (int64_t r = 0; r < rows; ++r, panel += kWidth) {
    const float* row = source + r * row_stride;
    for (int l = 0; l < lanes; ++l) panel[l] = row[offsets[l]];
    for (int l = lanes; l < kWidth; ++l) panel[l] = 0;
  }
}

void scatter_portable(const float* panel, int64_t rows, const int64_t* offsets, int lanes, float* target,
                      int64_t row_stride) {
  for (int64_t r = 0; r < rows; ++r, panel += kWidth) {
    float* row = target + r * row_stride;
    for (int l = 0; l < lanes; ++l) row[offsets[l]] = panel[l];
  }
}

#if defined(__x86_64__)
// A piece's second run is loaded and stored through a pointer `lanes` before it, so that memory lane and register lane
// agree; the mask keeps the lanes outside the run untouched. Made as an integer: it may lie before the buffer.
template <class Pointer>
Pointer lanes_before(Pointer pointer, int lanes) {
  return reinterpret_cast<Pointer>(reinterpret_cast<uintptr_t>(pointer) - sizeof(float) * static_cast<size_t>(lanes));
}

// --- AVX2
// -------------------------------------------------------------------------------------------------------------
#define SPARSMITH_AVX2 __attribute__((target("avx2")))

SPARSMITH_AVX2 void pack_full_avx2(const float* source, int64_t row_stride, int64_t rows, int64_t count,
                                   float* panels) {
  for (int64_t begin = 0; begin < rows; begin += kRowBlock) {
    const int64_t end = std::min(rows, begin + kRowBlock);
    for (int64_t p = 0; p < count; ++p) {
      for (int64_t r = begin; r < end; ++r) {
        const float* from = source + r * row_stride + p * kWidth;
        float* to = panels + (p * rows + r) * kWidth;
        _mm256_storeu_ps(to, _mm256_loadu_ps(from));
        _mm256_storeu_ps(to + 8, _mm256_loadu_ps(from + 8));
      }
    }
  }
}

SPARSMITH_AVX2 void unpack_full_avx2(const float* panels, int64_t rows, int64_t count, float* target,
                                     int64_t row_stride) {
  for (int64_t begin = 0; begin < rows; begin += kRowBlock) {
    const int64_t end = std::min(rows, begin + kRowBlock);
    for (int64_t p = 0; p < count; ++p) {
      for (int64_t r = begin; r < end; ++r) {
        const float* from = panels + (p * rows + r) * kWidth;
        float* to = target + r * row_stride + p * kWidth;
        _mm256_storeu_ps(to, _mm256_loadu_ps(from));
        _mm256_storeu_ps(to + 8, _mm256_loadu_ps(from + 8));
      }
    }
  }
}

// All ones in the lanes [begin, end) of eight that start at lane `base`.
SPARSMITH_AVX2 __m256i lane_mask(int base, int begin, int end) {
  const __m256i lane = _mm256_add_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32(base));
  return _mm256_and_si256(_mm256_cmpgt_epi32(lane, _mm256_set1_epi32(begin - 1)),
                          _mm256_cmpgt_epi32(_mm256_set1_epi32(end), lane));
}

SPARSMITH_AVX2 void pack_pieces_avx2(const PanelPieces<const float*>& pieces, int64_t row_stride, int64_t rows,
                                     float* panel) {
  const int split = pieces.first_lanes;
  const int used = split + pieces.second_lanes;
  for (int base = 0; base < kWidth; base += 8) {
    const __m256i mask1 = lane_mask(base, 0, split);
    const __m256i mask2 = lane_mask(base, split, used);
    const float* first = lanes_before(pieces.first, -base);
    const float* second = lanes_before(pieces.second, split - base);
    for (int64_t r = 0; r < rows; ++r) {
      const __m256 v1 = _mm256_maskload_ps(first + r * row_stride, mask1);
      const __m256 v2 = pieces.second_lanes > 0 ? _mm256_maskload_ps(second + r * row_stride, mask2) : v1;
      _mm256_storeu_ps(panel + r * kWidth + base, _mm256_or_ps(v1, v2));
    }
  }
}

SPARSMITH_AVX2 void unpack_pieces_avx2(const float* panel, int64_t rows, const PanelPieces<float*>& pieces,
                                       int64_t row_stride) {
  const int split = pieces.first_lanes;
  const int used = split + pieces.second_lanes;
  for (int base = 0; base < kWidth; base += 8) {
    const __m256i mask1 = lane_mask(base, 0, split);
    const __m256i mask2 = lane_mask(base, split, used);
    float* first = lanes_before(pieces.first, -base);
    float* second = lanes_before(pieces.second, split - base);
    for (int64_t r = 0; r < rows; ++r) {
      const __m256 v = _mm256_loadu_ps(panel + r * kWidth + base);
      _mm256_maskstore_ps(first + r * row_stride, mask1, v);
      if (pieces.second_lanes > 0) _mm256_maskstore_ps(second + r * row_stride, mask2, v);
    }
  }
}

// --- AVX-512
// ----------------------------------------------------------------------------------------------------------
#define SPARSMITH_AVX512 __attribute__((target("avx512f")))

SPARSMITH_AVX512 void pack_full_avx512(const float* source, int64_t row_stride, int64_t rows, int64_t count,
                                       float* panels) {
  for (int64_t begin = 0; begin < rows; begin += kRowBlock) {
    const int64_t end = std::min(rows, begin + kRowBlock);
    for (int64_t p = 0; p < count; ++p) {
      for (int64_t r = begin; r < end; ++r) {
        _mm512_storeu_ps(panels + (p * rows + r) * kWidth, _mm512_loadu_ps(source + r * row_stride + p * kWidth));
      }
    }
  }
}

SPARSMITH_AVX512 void unpack_full_avx512(const float* panels, int64_t rows, int64_t count, float* target,
                                         int64_t row_stride) {
  for (int64_t begin = 0; begin < rows; begin += kRowBlock) {
    const int64_t end = std::min(rows, begin + kRowBlock);
    for (int64_t p = 0; p < count; ++p) {
      for (int64_t r = begin; r < end; ++r) {
        _mm512_storeu_ps(target + r * row_stride + p * kWidth, _mm512_loadu_ps(panels + (p * rows + r) * kWidth));
      }
    }
  }
}

__mmask16 lane_bits(int begin, int end) { return static_cast<__mmask16>((1u << end) - (1u << begin)); }

SPARSMITH_AVX512 void pack_pieces_avx512(const PanelPieces<const float*>& pieces, int64_t row_stride, int64_t rows,
                                         float* panel) {
  const int split = pieces.first_lanes;
  const __mmask16 mask1 = lane_bits(0, split);
  const __mmask16 mask2 = lane_bits(split, split + pieces.second_lanes);
  const float* second = pieces.second_lanes > 0 ? lanes_before(pieces.second, split) : pieces.first;
  for (int64_t r = 0; r < rows; ++r) {
    const __m512 v = _mm512_maskz_loadu_ps(mask1, pieces.first + r * row_stride);
    _mm512_storeu_ps(panel + r * kWidth, _mm512_mask_loadu_ps(v, mask2, second + r * row_stride));
  }
}

SPARSMITH_AVX512 void unpack_pieces_avx512(const float* panel, int64_t rows, const PanelPieces<float*>& pieces,
                                           int64_t row_stride) {
  const int split = pieces.first_lanes;
  const __mmask16 mask1 = lane_bits(0, split);
  const __mmask16 mask2 = lane_bits(split, split + pieces.second_lanes);
  float* second = pieces.second_lanes > 0 ? lanes_before(pieces.second, split) : pieces.first;
  for (int64_t r = 0; r < rows; ++r) {
    const __m512 v = _mm512_loadu_ps(panel + r * kWidth);
    _mm512_mask_storeu_ps(pieces.first + r * row_stride, mask1, v);
    if (mask2 != 0) _mm512_mask_storeu_ps(second + r * row_stride, mask2, v);
  }
}

SPARSMITH_AVX512 void gather_avx512(const float* source, const int64_t* offsets, int lanes, int64_t row_stride,
                                    int64_t rows, float* panel) {
  const __m512i low = _mm512_loadu_si512(offsets);
  const __m512i high = _mm512_loadu_si512(offsets + 8);
  const uint32_t mask = (1u << lanes) - 1;
  const __m256 zero = _mm256_setzero_ps();
  for (int64_t r = 0; r < rows; ++r) {
    const float* row = source + r * row_stride;
    _mm256_storeu_ps(panel + r * kWidth,
                     _mm512_mask_i64gather_ps(zero, static_cast<__mmask8>(mask & 0xff), low, row, 4));
    _mm256_storeu_ps(panel + r * kWidth + 8,
                     _mm512_mask_i64gather_ps(zero, static_cast<__mmask8>(mask >> 8), high, row, 4));
  }
}
#endif

}  // namespace

const PanelCopy kPortablePanelCopy = {pack_full_portable,     unpack_full_portable, pack_pieces_portable,
                                      unpack_pieces_portable, gather_portable,      scatter_portable};

#if defined(__x86_64__)
// AVX2's gather and AVX-512's scatter are no faster than scalar moves.
const PanelCopy kAvx2PanelCopy = {pack_full_avx2,     unpack_full_avx2, pack_pieces_avx2,
                                  unpack_pieces_avx2, gather_portable,  scatter_portable};
const PanelCopy kAvx512PanelCopy = {pack_full_avx512,     unpack_full_avx512, pack_pieces_avx512,
                                    unpack_pieces_avx512, gather_avx512,      scatter_portable};
#endif

const PanelCopy& panel_copy() {
#if defined(__x86_64__)
  static const PanelCopy& best = __builtin_cpu_supports("avx512f") ? kAvx512PanelCopy
                                 : __builtin_cpu_supports("avx2")  ? kAvx2PanelCopy
                                                                   : kPortablePanelCopy;
  return best;
#else
  return kPortablePanelCopy;
#endif
}

}  // namespace sparsmith

#include "runtime/strip_copy.h"

#include <algorithm>

#if defined(__x86_64__)
#include "runtime/transpose_avx512.h"
#endif

namespace sparsmith {
namespace {

constexpr int kLanes = 16;

void pack_row_portable(const StripLanes& lanes, int64_t count, int64_t channels, const float* planes,
                       int64_t plane_stride, float* strips) {
  for (int64_t c = 0; c < channels; ++c) {
    const float* const plane = planes + c * plane_stride;
    float* const to = strips + c * kLanes;
    for (int l = 0; l < kLanes; ++l) {
      for (int64_t x = 0; x < count; ++x) {
        const bool inside = x >= lanes.begin[l] && x < lanes.end[l];
        to[x * channels * kLanes + l] = inside ? plane[lanes.offset[l] + x] : 0.0f;
      }
    }
  }
}

void unpack_row_portable(const StripLanes& lanes, int64_t, int64_t channels, const float* strips, float* planes,
                         int64_t plane_stride) {
  for (int64_t c = 0; c < channels; ++c) {
    float* const plane = planes + c * plane_stride;
    const float* const from = strips + c * kLanes;
    for (int l = 0; l < kLanes; ++l) {
      for (int64_t x = lanes.begin[l]; x < lanes.end[l]; ++x)
        plane[lanes.offset[l] + x] = from[x * channels * kLanes + l];
    }
  }
}

#if defined(__x86_64__)
// Which of the `width` positions from x on lane l has.
__mmask16 mask_of(const StripLanes& lanes, int l, int64_t x, int width) {
  const int64_t begin = std::clamp<int64_t>(lanes.begin[l] - x, 0, width);
  const int64_t end = std::clamp<int64_t>(lanes.end[l] - x, 0, width);
  return begin < end ? static_cast<__mmask16>((1u << end) - (1u << begin)) : __mmask16{0};
}

// Made as an integer: under an empty or partial mask it may lie outside of the plane.
template <class Pointer>
Pointer at(Pointer plane, int64_t offset) {
  return reinterpret_cast<Pointer>(reinterpret_cast<uintptr_t>(plane) + static_cast<uintptr_t>(offset) * sizeof(float));
}

// The positions [x, x + kWidth) of a row, `used` of which exist. A transposition takes 16 positions of one channel, 8
// of two or 4 of four.
template <int kWidth>
SPARSMITH_AVX512 void pack_chunk(const StripLanes& lanes, int64_t x, int used, int64_t channels, const float* planes,
                                 int64_t plane_stride, float* strips) {
  constexpr int kTogether = kLanes / kWidth;
  __mmask16 masks[kLanes];
  for (int l = 0; l < kLanes; ++l) masks[l] = mask_of(lanes, l, x, kWidth);
  for (int64_t c = 0; c < channels; c += kTogether) {
    const float* const plane = planes + c * plane_stride;
    __m512 v[kLanes];
    for (int l = 0; l < kLanes; ++l) v[l] = _mm512_maskz_loadu_ps(masks[l], at(plane, lanes.offset[l] + x));
    for (int j = 1; j < kTogether; ++j) {
      if (c + j >= channels) break;
      const int64_t from = j * plane_stride + x - j * kWidth;  // memory lane and register lane agree
      for (int l = 0; l < kLanes; ++l) {
        const auto mask = static_cast<__mmask16>(masks[l] << (j * kWidth));
        v[l] = _mm512_mask_loadu_ps(v[l], mask, at(plane, lanes.offset[l] + from));
      }
    }
    transpose(v);
    for (int j = 0; j < kTogether; ++j) {
      if (c + j >= channels) break;
      float* const to = strips + (x * channels + c + j) * kLanes;
      for (int i = 0; i < used; ++i) _mm512_storeu_ps(to + i * channels * kLanes, v[j * kWidth + i]);
    }
  }
}

template <int kWidth>
SPARSMITH_AVX512 void unpack_chunk(const StripLanes& lanes, int64_t x, int used, int64_t channels, const float* strips,
                                   float* planes, int64_t plane_stride) {
  constexpr int kTogether = kLanes / kWidth;
  __mmask16 masks[kLanes];
  for (int l = 0; l < kLanes; ++l) masks[l] = mask_of(lanes, l, x, kWidth);
  for (int64_t c = 0; c < channels; c += kTogether) {
    __m512 v[kLanes];
    for (int i = 0; i < kLanes; ++i) {
      // Lines that don't exist stand in as ones that do: their lanes are masked.
      const int64_t channel = std::min(c + i / kWidth, channels - 1), position = x + std::min(i % kWidth, used - 1);
      v[i] = _mm512_loadu_ps(strips + (position * channels + channel) * kLanes);
    }
    transpose(v);
    float* const plane = planes + c * plane_stride;
    for (int j = 0; j < kTogether; ++j) {
      if (c + j >= channels) break;
      const int64_t to = j * plane_stride + x - j * kWidth;
      for (int l = 0; l < kLanes; ++l) {
        const auto mask = static_cast<__mmask16>(masks[l] << (j * kWidth));
        _mm512_mask_storeu_ps(at(plane, lanes.offset[l] + to), mask, v[l]);
      }
    }
  }
}

// visit(which of the widths 4, 8 and 16, x, used) for the chunks of a row. Narrow images would waste most of a
// transposition of 16.
template <class Visit>
void for_each_chunk(int64_t count, const Visit& visit) {
  for (int64_t x = 0; x < count; x += kLanes) {
    const auto used = static_cast<int>(std::min<int64_t>(kLanes, count - x));
    visit(used > 8 ? 2 : used > 4 ? 1 : 0, x, used);
  }
}

void pack_row_avx512(const StripLanes& lanes, int64_t count, int64_t channels, const float* planes,
                     int64_t plane_stride, float* strips) {
  constexpr decltype(&pack_chunk<16>) kChunks[] = {pack_chunk<4>, pack_chunk<8>, pack_chunk<16>};
  for_each_chunk(count, [&](int kind, int64_t x, int used) {
    kChunks[kind](lanes, x, used, channels, planes, plane_stride, strips);
  });
}

void unpack_row_avx512(const StripLanes& lanes, int64_t count, int64_t channels, const float* strips, float* planes,
                       int64_t plane_stride) {
  constexpr decltype(&unpack_chunk<16>) kChunks[] = {unpack_chunk<4>, unpack_chunk<8>, unpack_chunk<16>};
  for_each_chunk(count, [&](int kind, int64_t x, int used) {
    kChunks[kind](lanes, x, used, channels, strips, planes, plane_stride);
  });
}
#endif

}  // namespace

const StripCopy kPortableStripCopy = {pack_row_portable, unpack_row_portable};
#if defined(__x86_64__)
const StripCopy kAvx512StripCopy = {pack_row_avx512, unpack_row_avx512};
#endif

const StripCopy& strip_copy() {
#if defined(__x86_64__)
  static const StripCopy& best = __builtin_cpu_supports("avx512f") ? kAvx512StripCopy : kPortableStripCopy;
  return best;
#else
  return kPortableStripCopy;
#endif
}

}  // namespace sparsmith

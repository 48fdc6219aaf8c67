#include "runtime/line_merge.h"

#include "runtime/intrinsics.h"

namespace sparsmith {
namespace {

constexpr int kLanes = 16;

void merge_portable(std::span<const LineSource> sources, int64_t channels, float* to) {
  for (int64_t i = 0; i < channels * kLanes; ++i) to[i] = 0;
  for (const LineSource& source : sources) {
    for (int64_t c = 0; c < channels; ++c) {
      for (int l = 0; l < kLanes; ++l) {
        if (source.lanes >> l & 1) to[c * kLanes + l] = source.lines[c * kLanes + source.from[l]];
      }
    }
  }
}

void clear_portable(uint16_t lanes, int64_t channels, float* lines) {
  for (int64_t c = 0; c < channels; ++c) {
    for (int l = 0; l < kLanes; ++l) {
      if (lanes >> l & 1) lines[c * kLanes + l] = 0;
    }
  }
}

#if defined(__x86_64__)
#define SPARSMITH_AVX2 __attribute__((target("avx2")))
#define SPARSMITH_AVX512 __attribute__((target("avx512f")))

// Channels that go through the sources together, which are read once for them.
constexpr int kTogether = 4;

template <int kChannels>
SPARSMITH_AVX512 void merge_some_avx512(std::span<const LineSource> sources, int64_t first, float* to) {
  __m512 sums[kChannels];
  for (__m512& sum : sums) sum = _mm512_setzero_ps();
  for (const LineSource& source : sources) {
    const __m512i from = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(source.from.data())));
    for (int c = 0; c < kChannels; ++c) {
      const __m512 line = _mm512_loadu_ps(source.lines + (first + c) * kLanes);
      sums[c] = _mm512_mask_permutexvar_ps(sums[c], source.lanes, from, line);
    }
  }
  for (int c = 0; c < kChannels; ++c) _mm512_storeu_ps(to + (first + c) * kLanes, sums[c]);
}

SPARSMITH_AVX512 void merge_avx512(std::span<const LineSource> sources, int64_t channels, float* to) {
  int64_t c = 0;
  for (; c + kTogether <= channels; c += kTogether) merge_some_avx512<kTogether>(sources, c, to);
  for (; c < channels; ++c) merge_some_avx512<1>(sources, c, to);
}

SPARSMITH_AVX512 void clear_avx512(uint16_t lanes, int64_t channels, float* lines) {
  for (int64_t c = 0; c < channels; ++c) _mm512_mask_storeu_ps(lines + c * kLanes, lanes, _mm512_setzero_ps());
}

// All bits of the lanes `8 * half + 0..7` whose bits are set.
SPARSMITH_AVX2 __m256i lane_mask(uint16_t lanes, int half) {
  const __m256i bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
  return _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(lanes >> 8 * half), bits), bits);
}

template <int kChannels>
SPARSMITH_AVX2 void merge_some_avx2(std::span<const LineSource> sources, int64_t first, float* to) {
  for (int half = 0; half < 2; ++half) {
    __m256 sums[kChannels];
    for (__m256& sum : sums) sum = _mm256_setzero_ps();
    for (const LineSource& source : sources) {
      const auto* bytes = reinterpret_cast<const __m128i*>(source.from.data() + 8 * half);
      const __m256i from = _mm256_cvtepu8_epi32(_mm_loadl_epi64(bytes));
      const __m256 upper = _mm256_castsi256_ps(_mm256_slli_epi32(from, 28));  // from the upper half of the line
      const __m256 mask = _mm256_castsi256_ps(lane_mask(source.lanes, half));
      for (int c = 0; c < kChannels; ++c) {
        const float* const line = source.lines + (first + c) * kLanes;
        const __m256 low = _mm256_permutevar8x32_ps(_mm256_loadu_ps(line), from);
        const __m256 high = _mm256_permutevar8x32_ps(_mm256_loadu_ps(line + 8), from);
        sums[c] = _mm256_blendv_ps(sums[c], _mm256_blendv_ps(low, high, upper), mask);
      }
    }
    for (int c = 0; c < kChannels; ++c) _mm256_storeu_ps(to + (first + c) * kLanes + 8 * half, sums[c]);
  }
}

SPARSMITH_AVX2 void merge_avx2(std::span<const LineSource> sources, int64_t channels, float* to) {
  int64_t c = 0;
  for (; c + kTogether <= channels; c += kTogether) merge_some_avx2<kTogether>(sources, c, to);
  for (; c < channels; ++c) merge_some_avx2<1>(sources, c, to);
}

SPARSMITH_AVX2 void clear_avx2(uint16_t lanes, int64_t channels, float* lines) {
  const __m256i low = lane_mask(lanes, 0), high = lane_mask(lanes, 1);
  for (int64_t c = 0; c < channels; ++c) {
    _mm256_maskstore_ps(lines + c * kLanes, low, _mm256_setzero_ps());
    _mm256_maskstore_ps(lines + c * kLanes + 8, high, _mm256_setzero_ps());
  }
}
#endif

}  // namespace

const LineMerge kPortableLineMerge = {merge_portable, clear_portable};
#if defined(__x86_64__)
const LineMerge kAvx2LineMerge = {merge_avx2, clear_avx2};
const LineMerge kAvx512LineMerge = {merge_avx512, clear_avx512};
#endif

const LineMerge& line_merge() {
#if defined(__x86_64__)
  static const LineMerge& best = __builtin_cpu_supports("avx512f") ? kAvx512LineMerge
                                 : __builtin_cpu_supports("avx2")  ? kAvx2LineMerge
                                                                   : kPortableLineMerge;
  return best;
#else
  return kPortableLineMerge;
#endif
}

}  // namespace sparsmith

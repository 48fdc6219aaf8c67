#include "runtime/image_copy.h"

#include <algorithm>

#include "runtime/intrinsics.h"

namespace sparsmith {
namespace {

constexpr int64_t kLanes = 16;

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Rows of pixels of one channel and phase: column j of a packed row is pixel j * step + shift of the plain one, and
/// one of the image's for j in [begin, end).
struct PixelRows {
  int64_t rows = 0;
  int64_t step = 1, shift = 0;
  int64_t begin = 0, end = 0;
  int64_t pitch = 0;                            ///< columns of a packed row: those without a pixel are zeros
  int64_t packed_stride = 0, plain_stride = 0;  ///< floats from row to row
};

void pack_rows_portable(const PixelRows& p, const float* plain, float* packed) {
  for (int64_t row = 0; row < p.rows; ++row, plain += p.plain_stride, packed += p.packed_stride) {
    std::fill(packed, packed + p.begin, 0.0f);
    for (int64_t j = p.begin; j < p.end; ++j) packed[j] = plain[j * p.step + p.shift];
    std::fill(packed + p.end, packed + p.pitch, 0.0f);
  }
}

void unpack_rows_portable(const PixelRows& p, const float* packed, float* plain) {
  for (int64_t row = 0; row < p.rows; ++row, plain += p.plain_stride, packed += p.packed_stride) {
    std::copy(packed + p.begin, packed + p.end, plain + p.begin + p.shift);
  }
}

#if defined(__x86_64__)
#define SPARSMITH_AVX512 __attribute__((target("avx512f")))

/// Lanes [begin, end) of those from `first` on.
__mmask16 lanes(int64_t begin, int64_t end, int64_t first) {
  const int64_t from = std::clamp<int64_t>(begin - first, 0, kLanes), to = std::clamp<int64_t>(end - first, 0, kLanes);
  return from < to ? static_cast<__mmask16>((1u << to) - (1u << from)) : __mmask16{0};
}

// Made as an integer: under an empty or partial mask it may lie outside of the image.
const float* at(const float* plain, int64_t offset) {
  return reinterpret_cast<const float*>(reinterpret_cast<uintptr_t>(plain) +
                                        static_cast<uintptr_t>(offset) * sizeof(float));
}
float* at(float* plain, int64_t offset) { return const_cast<float*>(at(static_cast<const float*>(plain), offset)); }

SPARSMITH_AVX512 void pack_rows_avx512(const PixelRows& p, const float* plain, float* packed) {
  if (p.step > 2) return pack_rows_portable(p, plain, packed);
  const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  for (int64_t j = 0; j < p.pitch; j += kLanes) {
    const __mmask16 stored = lanes(0, p.pitch, j);
    const int64_t from = j * p.step + p.shift;
    // The pixels from the first to the last of the row that this phase has: the other phase's between them are read
    // too.
    const int64_t begin = p.begin * p.step + p.shift, end = (p.end - 1) * p.step + p.shift + 1;
    const __mmask16 low = p.begin < p.end ? lanes(begin, end, from) : __mmask16{0};
    const __mmask16 high = p.begin < p.end ? lanes(begin, end, from + kLanes) : __mmask16{0};
    const float* source = at(plain, from);
    float* target = packed + j;
    if (p.step == 1) {
      for (int64_t row = 0; row < p.rows; ++row, source = at(source, p.plain_stride), target += p.packed_stride) {
        _mm512_mask_storeu_ps(target, stored, _mm512_maskz_loadu_ps(low, source));
      }
      continue;
    }
    for (int64_t row = 0; row < p.rows; ++row, source = at(source, p.plain_stride), target += p.packed_stride) {
      const __m512 a = _mm512_maskz_loadu_ps(low, source), b = _mm512_maskz_loadu_ps(high, at(source, kLanes));
      _mm512_mask_storeu_ps(target, stored, _mm512_permutex2var_ps(a, even, b));
    }
  }
}

SPARSMITH_AVX512 void unpack_rows_avx512(const PixelRows& p, const float* packed, float* plain) {
  for (int64_t j = p.begin; j < p.end; j += kLanes) {
    const __mmask16 used = lanes(p.begin, p.end, j);
    const float* source = packed + j;
    float* target = plain + j + p.shift;
    for (int64_t row = 0; row < p.rows;
         ++row, source = at(source, p.packed_stride), target = at(target, p.plain_stride)) {
      _mm512_mask_storeu_ps(target, used, _mm512_maskz_loadu_ps(used, source));
    }
  }
}
#endif

bool wide() {
#if defined(__x86_64__)
  static const bool has_avx512 = __builtin_cpu_supports("avx512f");
  return has_avx512;
#else
  return false;
#endif
}

void pack_rows(const PixelRows& p, const float* plain, float* packed) {
#if defined(__x86_64__)
  if (wide()) return pack_rows_avx512(p, plain, packed);
#endif
  pack_rows_portable(p, plain, packed);
}

void unpack_rows(const PixelRows& p, const float* packed, float* plain) {
#if defined(__x86_64__)
  if (wide()) return unpack_rows_avx512(p, packed, plain);
#endif
  unpack_rows_portable(p, packed, plain);
}

/// Whether a channel's rows follow each other, as in planes; of rows with one channel too.
bool is_plane(const ImageShape& shape) { return shape.row_floats == shape.pitch; }

/// The rows of one channel and phase: where they begin, which of them hold pixels.
struct PhaseRows {
  int64_t first = 0;           ///< float of the image
  int64_t count = 0;           ///< rows
  int64_t begin = 0, end = 0;  ///< rows with pixels
  int64_t plain_row = 0;       ///< of the plain image, of row `begin`
  PixelRows pixels;
};

PhaseRows phase_rows(const ImageShape& shape, int64_t channel, int64_t phase_h, int64_t phase_w) {
  const auto rows_below = [&](int64_t padded_row) {
    return divide_up(std::max<int64_t>(padded_row - phase_h, 0), shape.stride_h);
  };
  const auto columns_below = [&](int64_t column) {
    return divide_up(std::max<int64_t>(column - phase_w, 0), shape.stride_w);
  };
  PhaseRows rows;
  rows.first = channel * shape.channel_floats + phase_h * shape.phase_h_floats + phase_w * shape.phase_w_floats;
  rows.count = is_plane(shape) ? divide_up(shape.padded_h, shape.stride_h) : rows_below(shape.padded_h);
  rows.begin = std::min(rows_below(shape.pad_top), rows.count);
  rows.end = std::clamp(rows_below(std::min(shape.pad_top + shape.height, shape.padded_h)), rows.begin, rows.count);
  rows.plain_row = rows.begin * shape.stride_h + phase_h - shape.pad_top;
  rows.pixels = {.rows = rows.end - rows.begin,
                 .step = shape.stride_w,
                 .shift = phase_w - shape.pad_left,
                 .pitch = shape.pitch,
                 .packed_stride = shape.row_floats,
                 .plain_stride = shape.stride_h * shape.width};
  rows.pixels.begin = std::min(columns_below(shape.pad_left), shape.pitch);
  rows.pixels.end = std::clamp(columns_below(shape.pad_left + shape.width), rows.pixels.begin, shape.pitch);
  return rows;
}

/// visit(PhaseRows) for each phase of channels [first, last); zeros behind and in rows that have no pixels.
template <class Visit>
void for_each_phase(const ImageShape& shape, int64_t first, int64_t last, float* packed, const Visit& visit) {
  for (int64_t channel = first; channel < last; ++channel) {
    for (int64_t phase_h = 0; phase_h < shape.stride_h; ++phase_h) {
      for (int64_t phase_w = 0; phase_w < shape.stride_w; ++phase_w) {
        const PhaseRows rows = phase_rows(shape, channel, phase_h, phase_w);
        float* const begin = packed + rows.first;
        for (int64_t row = 0; row < rows.count; ++row) {
          if (row == rows.begin) row = rows.end;
          if (row < rows.count) std::fill_n(begin + row * shape.row_floats, shape.pitch, 0.0f);
        }
        if (is_plane(shape)) std::fill_n(begin + rows.count * shape.row_floats, shape.tail, 0.0f);
        visit(channel, rows);
      }
    }
  }
  if (!is_plane(shape) && last == shape.channels) std::fill_n(packed + shape.floats - shape.tail, shape.tail, 0.0f);
}

}  // namespace

void pack_image_channels(const ImageShape& shape, const float* image, int64_t first, int64_t last, float* packed) {
  for_each_phase(shape, first, last, packed, [&](int64_t channel, const PhaseRows& rows) {
    pack_rows(rows.pixels, image + (channel * shape.height + rows.plain_row) * shape.width,
              packed + rows.first + rows.begin * shape.row_floats);
  });
}

void unpack_image_channels(const ImageShape& shape, const float* packed, int64_t first, int64_t last, float* image) {
  for (int64_t channel = first; channel < last; ++channel) {
    const PhaseRows rows = phase_rows(shape, channel, 0, 0);
    unpack_rows(rows.pixels, packed + rows.first + rows.begin * shape.row_floats,
                image + (channel * shape.height + rows.plain_row) * shape.width);
  }
}

void clear_image_padding(const ImageShape& shape, int64_t first, int64_t last, float* packed) {
  for_each_phase(shape, first, last, packed, [&](int64_t, const PhaseRows& rows) {
    for (int64_t row = rows.begin; row < rows.end; ++row) {
      float* const begin = packed + rows.first + row * shape.row_floats;
      std::fill(begin, begin + rows.pixels.begin, 0.0f);
      std::fill(begin + rows.pixels.end, begin + shape.pitch, 0.0f);
    }
  });
}

}  // namespace sparsmith

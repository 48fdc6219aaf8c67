#include "runtime/windows.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "sparsmith/panel.h"

#if defined(__x86_64__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // GCC 12 warns of its own intrinsics (bug 105593)
#include <immintrin.h>
#pragma GCC diagnostic pop
#endif

namespace sparsmith {
namespace {

constexpr int64_t kWidth = kPanelWidth;
constexpr uint32_t kAbsolute = 0x7fffffff, kInfinity = 0x7f800000;

// Both fill the windows of a column whose rows lie side by side, and say whether all of them are finite; if not, the
// windows are of no use.

bool fill_portable(const float* x, const WindowShape& shape, float* windows) {
  bool finite = true;
  for (int64_t k = 0; k < shape.k; ++k) finite &= (std::bit_cast<uint32_t>(x[k]) & kAbsolute) < kInfinity;
  for (int64_t w = 0; w < shape.count(); ++w) {
    const int64_t from = w * shape.step, rows = std::min(kWidth, shape.k - from);
    float* window = windows + w * shape.columns * kWidth;
    std::memcpy(window, x + from, static_cast<size_t>(rows) * sizeof(float));
    std::fill(window + rows, window + kWidth, 0.0f);
  }
  return finite;
}

#if defined(__x86_64__)
__attribute__((target("avx512f"))) bool fill_avx512(const float* x, const WindowShape& shape, float* windows) {
  const int64_t count = shape.count(), apart = shape.columns * kWidth;
  const __m512i absolute = _mm512_set1_epi32(static_cast<int>(kAbsolute));
  // Each row is in some window, so that looking at all windows would look several times.
  const int64_t own = kWidth / shape.step;
  __m512i largest = _mm512_setzero_si512();
  const int64_t whole = shape.k >= kWidth ? (shape.k - kWidth) / shape.step + 1 : 0;
  int64_t w = 0;
  for (; w + own <= whole; w += own) {
    const float* from = x + w * shape.step;
    const __m512 first = _mm512_loadu_ps(from);
    largest = _mm512_max_epu32(largest, _mm512_and_si512(_mm512_castps_si512(first), absolute));
    _mm512_store_ps(windows + w * apart, first);
    for (int64_t i = 1; i < own; ++i)
      _mm512_store_ps(windows + (w + i) * apart, _mm512_loadu_ps(from + i * shape.step));
  }
  for (; w < count; ++w) {
    const int64_t rows = std::min(kWidth, shape.k - w * shape.step);
    const auto mask = static_cast<__mmask16>((1u << rows) - 1);
    const __m512 window = _mm512_maskz_loadu_ps(mask, x + w * shape.step);
    largest = _mm512_max_epu32(largest, _mm512_and_si512(_mm512_castps_si512(window), absolute));
    _mm512_store_ps(windows + w * apart, window);
  }
  return _mm512_cmpge_epu32_mask(largest, _mm512_set1_epi32(static_cast<int>(kInfinity))) == 0;
}
#endif

bool fill(const float* x, const WindowShape& shape, float* windows) {
#if defined(__x86_64__)
  static const bool wide = __builtin_cpu_supports("avx512f");
  if (wide) return fill_avx512(x, shape, windows);
#endif
  return fill_portable(x, shape, windows);
}

}  // namespace

bool fill_windows(Column<const float> x, const WindowShape& shape, float* copy, float* windows) {
  const float* rows = x.data;
  if (x.stride != 1) {
    for (int64_t k = 0; k < shape.k; ++k) copy[k] = x.data[k * x.stride];
    rows = copy;
  }
  if (fill(rows, shape, windows)) return false;
  for (int64_t k = 0; k < shape.k; ++k) copy[k] = std::isfinite(rows[k]) ? rows[k] : 0.0f;
  fill(copy, shape, windows);
  return true;
}

bool fill_column(Column<const float> x, int64_t k, int64_t floats, float* copy) {
  if (x.stride == 1) {
    std::memcpy(copy, x.data, static_cast<size_t>(k) * sizeof(float));
  } else {
    for (int64_t i = 0; i < k; ++i) copy[i] = x.data[i * x.stride];
  }
  std::fill(copy + k, copy + floats, 0.0f);
  // Signed numbers, which every x86-64 compares four at a time.
  int32_t largest = 0;
  for (int64_t i = 0; i < k; ++i) {
    largest = std::max(largest, static_cast<int32_t>(std::bit_cast<uint32_t>(copy[i]) & kAbsolute));
  }
  if (largest < static_cast<int32_t>(kInfinity)) return false;
  for (int64_t i = 0; i < k; ++i) copy[i] = std::isfinite(copy[i]) ? copy[i] : 0.0f;
  return true;
}

namespace {
// Calls visit(place in slices, row) for every row.
template <class Visit>
void for_each_row(std::span<const int32_t> order, const SliceShape& shape, Visit visit) {
  const auto rows = static_cast<int64_t>(order.size());
  for (int64_t p = 0; p < rows; p += shape.lanes) {
    const int64_t lanes = std::min(shape.lanes, rows - p), slice = shape.at(p);
    for (int64_t l = 0; l < lanes; ++l) visit(slice + l, order[static_cast<size_t>(p + l)]);
  }
}
}  // namespace

void gather_slices(Column<const float> y, std::span<const int32_t> order, const SliceShape& shape, float* slices) {
  // The last slice's other lanes are computed too.
  const int64_t last = shape.at((static_cast<int64_t>(order.size()) - 1) / shape.lanes * shape.lanes);
  std::fill(slices + last, slices + last + kWidth, 0.0f);
  for_each_row(order, shape, [&](int64_t place, int64_t row) { slices[place] = y.data[row * y.stride]; });
}

void scatter_slices(const float* slices, std::span<const int32_t> order, const SliceShape& shape, Column<float> y) {
  for_each_row(order, shape, [&](int64_t place, int64_t row) { y.data[row * y.stride] = slices[place]; });
}

}  // namespace sparsmith

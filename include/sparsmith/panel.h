/// \file
/// The panel layout: [ceil(N / 16)][rows][16] floats. A panel holds 16 columns, one 64-byte line per row, so that a
/// kernel reads contiguous lines and never a power-of-two stride. Lanes past N are padding: pack writes zeros there,
/// kernels leave them unspecified, unpack ignores them.
#pragma once

#include <cstdint>

#include "sparsmith/problem.h"

namespace sparsmith {

inline constexpr int64_t kPanelWidth = 16;

/// Panels that hold n columns.
constexpr int64_t panel_count(int64_t n) { return (n + kPanelWidth - 1) / kPanelWidth; }
/// Floats of a [rows, n] matrix in panels.
constexpr int64_t panel_floats(int64_t rows, int64_t n) { return panel_count(n) * rows * kPanelWidth; }

/// Row-major [rows, n] (ld >= n floats between rows) to panels. Any alignment; buffers must not overlap.
void pack(const float* source, int64_t rows, int64_t n, int64_t ld, float* panels);
/// Panels back to row-major.
void unpack(const float* panels, int64_t rows, int64_t n, float* target, int64_t ld);

/// NCHW [batch, channels, height, width], subsampled by the convolution's stride, to panels of
/// n = batch * out_height * out_width columns in (batch, y, x) order.
void pack_nchw(const float* source, int64_t batch, int64_t channels, const Conv2d& conv, float* panels);
/// Panels of n = batch * positions columns to NCHW [batch, channels, positions].
void unpack_nchw(const float* panels, int64_t batch, int64_t channels, int64_t positions, float* target);

}  // namespace sparsmith

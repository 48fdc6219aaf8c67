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

/// Where the panels of an operand lie that isn't one block of memory: runs of panels side by side, as the interior of
/// strips has them (strip.h). Distances are panels, each of as many rows as the operand has; the operand's pointer is
/// to its first panel. The default: all panels follow each other.
struct PanelRuns {
  int64_t run = 0;          ///< panels of a run; 0: all follow each other, and nothing else is set
  int64_t pitch = 0;        ///< from run to run, at least `run`
  int64_t image_runs = 0;   ///< runs of an image; 0: all runs are `pitch` apart, whatever the images
  int64_t image_pitch = 0;  ///< from image to image, at least what its runs span

  bool operator==(const PanelRuns&) const = default;
  /// Where panel p lies.
  constexpr int64_t at(int64_t p) const {
    if (run == 0) return p;
    const int64_t row = p / run, column = p % run;
    if (image_runs == 0) return row * pitch + column;
    return row / image_runs * image_pitch + row % image_runs * pitch + column;
  }
  /// Of `count` panels from p on, how many lie side by side.
  constexpr int64_t side_by_side(int64_t p, int64_t count) const {
    return run == 0 || count < run - p % run ? count : run - p % run;
  }
};

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

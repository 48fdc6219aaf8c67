/// \file
/// Plain matrices as the runtime addresses them, and packing of ranges of their panels.
#pragma once

#include <cstdint>

#include "sparsmith/panel.h"

namespace sparsmith {

/// Where the elements of a plain matrix [rows, n] lie. The columns are cut into images, an image into lines; the
/// columns of a line are `step` floats apart. A row-major matrix is one image of one line.
struct PlainView {
  int64_t rows = 0;
  int64_t n = 0;             ///< columns of all images
  int64_t row_stride = 0;    ///< floats from row to row (NCHW: from channel to channel)
  int64_t image = 0;         ///< columns of an image
  int64_t image_stride = 0;  ///< floats from image to image
  int64_t line = 0;          ///< columns of a line
  int64_t line_stride = 0;   ///< floats from line to line
  int64_t step = 1;          ///< floats from column to column in a line

  static PlainView matrix(int64_t rows, int64_t n, int64_t ld);
  /// NCHW [batch, rows, positions]: what a convolution writes.
  static PlainView nchw(int64_t batch, int64_t rows, int64_t positions);
  /// NCHW [batch, rows, height, width] seen through the convolution's stride: what it reads.
  static PlainView nchw(int64_t batch, int64_t rows, const Conv2d& conv);

  /// Floats from the first element to (row 0, column).
  int64_t offset(int64_t column) const;
  /// How many columns from `column` on lie side by side.
  int64_t contiguous(int64_t column) const;
};

/// Packs panels [first, last) of the matrix at `source`; `panels` gets panel `first` first. Lanes past n become zero.
void pack_panels(const PlainView& view, const float* source, int64_t first, int64_t last, float* panels);
/// The reverse; lanes past n are ignored.
void unpack_panels(const PlainView& view, const float* panels, int64_t first, int64_t last, float* target);

}  // namespace sparsmith

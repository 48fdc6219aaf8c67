/// \file
/// Strips as the runtime packs them: position rows of one image at a time.
#pragma once

#include <cstdint>

#include "sparsmith/strip.h"

namespace sparsmith {

/// One operand's image in strips: position (y, x) of tile (i, j) is pixel (i * step_h + y - pad_top, j * step_w + x -
/// pad_left) of the plain image.
struct StripView {
  int64_t channels = 0, height = 0, width = 0;  ///< of the plain image
  int64_t positions_h = 0, positions_w = 0;
  int64_t pitch = 0;  ///< positions from row to row, at least positions_w
  int64_t grid_w = 0;
  int64_t step_h = 0, step_w = 0;
  int64_t pad_top = 0, pad_left = 0;

  static StripView input(const Conv2d& conv, int64_t channels);
  static StripView output(const Conv2d& conv, int64_t m);
  static StripView value(const StripGrid& grid, int64_t channels);
  int64_t image_floats() const { return channels * height * width; }
  int64_t strip_floats() const { return positions_h * positions_w * channels * 16; }
};

/// Position rows [first, last) of one image, all channels. `image` and `strips` are those of the whole image.
void pack_strip_rows(const StripView& view, const float* image, int64_t first, int64_t last, float* strips);
void unpack_strip_rows(const StripView& view, const float* strips, int64_t first, int64_t last, float* image);

}  // namespace sparsmith

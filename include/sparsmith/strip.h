/// \file
/// The strip layout of spatial convolutions: [batch][positions][channels][16] floats. An image is cut into a grid of 16
/// equal tiles, one for each lane of a vector; a position is a place within the tile, the same in all of them. The
/// tiles of X overlap by the kernel's reach, so that whatever a tap needs lies at the same place of every tile: each
/// load of a kernel is one aligned line, whatever the tap, stride or dilation.
///
/// Lanes outside the image: zeros in X; kernels leave them unspecified in Y.
#pragma once

#include <cstdint>

#include "sparsmith/problem.h"

namespace sparsmith {

/// How a convolution cuts its images. Lane l holds tile (l / grid_w, l % grid_w).
struct StripShape {
  int64_t grid_h = 1, grid_w = 16;  ///< tiles of an image; grid_h * grid_w = 16
  int64_t tile_h = 0, tile_w = 0;   ///< outputs of a tile: positions of Y
  int64_t x_h = 0, x_w = 0;         ///< inputs that they need: positions of X
  int64_t step_h = 0, step_w = 0;   ///< inputs from tile to tile

  int64_t x_positions() const { return x_h * x_w; }
  int64_t y_positions() const { return tile_h * tile_w; }
  /// Floats of an image of X, of `channels`, and of one of Y, of `m` rows.
  int64_t x_floats(int64_t channels) const { return x_positions() * channels * 16; }
  int64_t y_floats(int64_t m) const { return y_positions() * m * 16; }
};

/// The cut with the fewest positions of Y; of several, that with the fewest of X, then with the longest rows. `conv` must be valid: every size at
/// least 1, an output of at least 1 x 1.
StripShape strip_shape(const Conv2d& conv);

/// NCHW [batch, channels, height, width] to strips of the convolution's X. Any alignment; no overlap.
void pack_strips(const float* source, int64_t batch, int64_t channels, const Conv2d& conv, float* strips);
/// Strips of the convolution's Y to NCHW [batch, m, out_height, out_width].
void unpack_strips(const float* strips, int64_t batch, int64_t m, const Conv2d& conv, float* target);
/// The reverse of unpack_strips: for a residual, or a Y to accumulate on. Lanes outside the image become zeros.
void pack_output_strips(const float* source, int64_t batch, int64_t m, const Conv2d& conv, float* strips);

}  // namespace sparsmith

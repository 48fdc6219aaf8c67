/// \file
/// The strip layout of spatial convolutions: [batch][positions][channels][16] floats. An image is cut into a grid of 16
/// equal tiles, one for each lane of a vector; a position is a place within the tile, the same in all of them. The
/// tiles of X overlap by the kernel's reach, so that whatever a tap needs lies at the same place of every tile: each
/// load of a kernel is one aligned line, whatever the tap, stride or dilation.
///
/// Lanes outside the image: zeros in X; kernels leave them unspecified in Y.
///
/// A value that layers hand on in strips is cut by a StripGrid, without overlap: a spatial convolution's Y, and what
/// 1x1 convolutions and elementwise operators make of it, to whom each position is a panel. To be the X of a spatial
/// convolution that cuts its images alike (can_link), a value is written where X has it, its interior
/// (RunArgs::y_runs), and what the tiles see of their neighbours is filled in (fill_strip_halo). Otherwise
/// regrid_strips cuts it anew. A depthwise convolution of a small image reads it as it is (Layout::grid).
#pragma once

#include <cstdint>
#include <optional>

#include "sparsmith/panel.h"
#include "sparsmith/parallel.h"
#include "sparsmith/problem.h"
#include "sparsmith/result.h"

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

/// The cut with the fewest positions of Y and of a halo of one pixel around its tiles, which count a quarter, then that
/// with the longest rows. It depends on the output's size alone, so that layers hand on images as they are. `conv` must
/// be valid: every size at least 1, an output of at least 1 x 1.
StripShape strip_shape(const Conv2d& conv);

/// How a value is cut that has no overlap: position (y, x), number y * tile_w + x, of lane l is pixel
/// (l / grid_w * tile_h + y, l % grid_w * tile_w + x) of the image. [batch][positions][channels][16].
struct StripGrid {
  int64_t height = 0, width = 0;    ///< of the image
  int64_t grid_h = 1, grid_w = 16;  ///< tiles; grid_h * grid_w = 16
  int64_t tile_h = 0, tile_w = 0;   ///< grid_h * tile_h >= height, grid_w * tile_w >= width

  int64_t positions() const { return tile_h * tile_w; }
  bool operator==(const StripGrid&) const = default;
};

/// The cut of the convolution's Y.
StripGrid output_grid(const Conv2d& conv);

/// Where the X strips of a convolution hold each pixel of the image in its own tile.
struct StripInterior {
  StripGrid grid;
  int64_t first = 0;  ///< positions before the first one; position 0 lies first * channels * 16 floats into X
  PanelRuns runs;     ///< where position p of all images lies, from the first on; of images that follow each other
};
/// Nothing where X doesn't have all of it: a stride beyond the kernel's reach, more padding than that, or columns and
/// rows that only halos hold (convolutions without padding). `conv` must be valid.
std::optional<StripInterior> strip_interior(const Conv2d& conv);

/// Whether a value cut so can be the convolution's X in place. Strides cut their X by their Y: 56x56 to 28x28 links,
/// 28x28 to 14x14, whose tiles another grid has, doesn't.
bool can_link(const StripGrid& value, const Conv2d& next);

/// Completes X strips whose interior was written: every other position from the tiles around, and zeros outside the
/// image, in the interior too (so NaN there doesn't spread). Allocation-free. `threads` and `parallel` as in RunArgs.
/// bad_input: no interior (strip_interior), sizes below 1, a hook that left parts out.
Status fill_strip_halo(float* strips, int64_t batch, int64_t channels, const Conv2d& conv, int threads = 1,
                       const ParallelFor* parallel = nullptr);

/// A value in one cut, its positions where `runs` says, to the X strips of any convolution on images of that size,
/// however it cuts them; complete with halo and zeros. No overlap. Allocation-free. bad_input: another image size, runs
/// that aren't the grid's rows, sizes below 1, a hook that left parts out.
Status regrid_strips(const float* value, const StripGrid& grid, const PanelRuns& runs, int64_t batch, int64_t channels,
                     const Conv2d& next, float* strips, int threads = 1, const ParallelFor* parallel = nullptr);

/// NCHW [batch, channels, height, width] to strips of the convolution's X. Any alignment; no overlap.
void pack_strips(const float* source, int64_t batch, int64_t channels, const Conv2d& conv, float* strips);
/// Strips of the convolution's Y to NCHW [batch, m, out_height, out_width].
void unpack_strips(const float* strips, int64_t batch, int64_t m, const Conv2d& conv, float* target);
/// The reverse of unpack_strips: for a residual, or a Y to accumulate on. Lanes outside the image become zeros.
void pack_output_strips(const float* source, int64_t batch, int64_t m, const Conv2d& conv, float* strips);

/// NCHW [batch, channels, height, width] to a value in strips and back. Lanes outside the image become zeros.
void pack_strips(const float* source, int64_t batch, int64_t channels, const StripGrid& grid, float* strips);
/// `runs`: as strip_interior has them, or none.
void unpack_strips(const float* strips, int64_t batch, int64_t channels, const StripGrid& grid, const PanelRuns& runs,
                   float* target);

}  // namespace sparsmith

/// \file
/// What a layout of images makes of a spatial convolution, for planning.
#pragma once

#include <cstdint>

#include "sparsmith/plan.h"
#include "sparsmith/problem.h"

namespace sparsmith {

struct ImageWork {
  int64_t panels = 0;         ///< of an image's Y
  int64_t run_panels = 0;     ///< that lie side by side: one call's
  int64_t channel_bytes = 0;  ///< of an image's X, a channel's
  int64_t band_bytes = 0;     ///< and those of the rows that a row of outputs reads
  double x_share = 1;         ///< Work::x_share
  double x_packing = 0;       ///< lines' worth of packing a channel of an image's X
  double y_packing = 0;       ///< and of unpacking one of Y
  double crossing = 0;        ///< share of the loads of X that cross a line
};

/// `m`: rows of Y. The convolution is valid, and its images small enough for the layout (check_image_shapes).
ImageWork image_work(ImageLayout images, const Conv2d& conv, int64_t m);

}  // namespace sparsmith

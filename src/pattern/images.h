/// \file
/// Which layouts a spatial convolution's code may see images in.
#pragma once

#include <cstdint>

#include "sparsmith/plan.h"
#include "sparsmith/problem.h"
#include "sparsmith/result.h"

namespace sparsmith {

/// The caller's layout that needs no packing for code that sees images so.
constexpr Layout layout_of(ImageLayout images) {
  return images == ImageLayout::strips ? Layout::panel : images == ImageLayout::planes ? Layout::plane : Layout::row;
}

/// Whether code that sees images so can run the problem: operands that aren't plain lie so. What isn't a spatial
/// convolution has no images: strips, the default, stand for that.
inline bool suits(ImageLayout images, const Problem& problem) {
  if (!problem.spatial()) return images == ImageLayout::strips;
  const auto may_be = [&](Layout layout) { return layout == Layout::plain || layout == layout_of(images); };
  const bool grid = problem.x_layout == Layout::grid && images == ImageLayout::strips;
  return (grid || may_be(problem.x_layout)) && may_be(problem.y_layout);
}

/// Most positions of a tile of images that code reads on their grid: it has a loop for every few of them.
inline constexpr int64_t kMostGridPositions = 256;
/// Whether a depthwise convolution's X can be Layout::grid, with Y in strips: an image of the same size comes out, in
/// tiles of at most kMostGridPositions.
bool can_read_grid(const Conv2d& conv);

/// Most rows of a value that Y can be part of: its panels are then within a displacement's reach of each other.
inline constexpr int64_t kMaxPitch = int64_t{1} << 20;

/// bad_input where the layouts of X and Y don't go with the problem, with each other or with m rows.
Status check_layouts(int64_t m, const Problem& problem);

/// Whether a convolution's images, in planes or rows, are small enough for code to reach all of one; for a convolution
/// that check_conv finds right.
Status check_image_shapes(int64_t m, int64_t k, const Conv2d& conv);

}  // namespace sparsmith

/// \file
/// Where the rows of X that weights name lie: 64-byte lines counted from the first of a panel, or, of a spatial
/// convolution in strips, from the position of an output's first tap. Code that takes lines from data is made by these
/// numbers, and what artifacts say is checked against them.
#pragma once

#include <cstdint>

#include "sparsmith/problem.h"

namespace sparsmith {

/// Lines that a block of `k_block` columns (0: all of K) of the compact form reaches from its first: its rows of a
/// panel; of a spatial convolution what its channels span at a row of taps (at all taps). k: columns of the weights.
int64_t x_lines(const Problem& problem, int64_t k, int64_t k_block);

/// The line at which panel u of a pass begins. Of a spatial convolution panels are positions in their order, of images
/// that lie one after the other: the first of a pass begins a row of positions where the pass has more than one row,
/// and an image where it has more than one image.
int64_t x_panel_line(const Problem& problem, int64_t k, int64_t u);

}  // namespace sparsmith

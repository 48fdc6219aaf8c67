/// \file
/// How a call is divided among threads.
#pragma once

#include <cstdint>

#include "sparsmith/plan.h"

namespace sparsmith {

enum class SplitBy : uint8_t {
  none,     ///< one thread
  columns,  ///< each thread computes a range of panels, with all of the code
  rows,     ///< each thread computes some tiles, over all panels
  both,     ///< as many panels for each thread by columns as go round; those left over by rows
};

/// What the decision looks at; a call's plain numbers, so that equal calls are divided equally.
struct SplitShape {
  int64_t panels = 0;
  int64_t k = 0, tiles = 0;
  int64_t work = 0;  ///< multiply-accumulates of vectors per panel
  int64_t panels_per_pass = 1;
  int64_t n_blocks = 1;  ///< blocks of panels; by rows, threads meet after each
  bool packs_x = false;  ///< a plain X is packed first; by rows, by one thread
};

struct Split {
  SplitBy by = SplitBy::none;
  int threads = 1;
};

/// The division that is expected to finish first on `threads` equal threads.
Split choose_split(const SplitShape& shape, int threads);

/// The same for a plan's kernel at the columns it was made for.
Split choose_split(const Plan& plan, const Problem& problem, int threads);

}  // namespace sparsmith

/// \file
/// The launcher of spatial convolutions: images go through strips.
#pragma once

#include "runtime/launch.h"
#include "runtime/strip_runs.h"

namespace sparsmith {

/// Positions that one thread should take together: rows of them that code computes in one pass, else 1.
int64_t positions_together(const Launch& kernel, const StripOperands& strips);

/// Computes positions [first, last) of strips on this thread. `fresh`: the call's first positions.
void compute_positions(const Launch& kernel, const StripOperands& strips, int64_t first, int64_t last, bool fresh);

/// Computes positions [0, positions) of strips; threads divide positions, tiles or both (split.h).
Status compute_strips(const Launch& kernel, const StripOperands& strips, int64_t positions, int threads);

/// What is computed between packing and unpacking.
struct StripWork {
  Workers workers;
  bool accumulate = false;       ///< reads the old Y
  int64_t floats_per_image = 0;  ///< of working memory, for each image that is computed at a time
  int64_t floats = 0;            ///< and for all of them

  /// Positions [0, positions) of some images; `memory` lies on a 64-byte line.
  virtual Status compute(const StripOperands& strips, int64_t positions, int threads, float* memory) const = 0;

 protected:
  explicit StripWork(const Workers& threads, bool accumulates) : workers(threads), accumulate(accumulates) {}
  ~StripWork() = default;
};

/// Packs plain images into strips, computes, unpacks; a group of images at a time: as many as keep packed strips
/// within L2, at least one. Threads divide position rows when packing.
Status launch_strips(const StripWork& work, const Operands& operands, int threads);

/// The same with one kernel.
Status launch_spatial(const Launch& kernel, const Operands& operands, int threads);

}  // namespace sparsmith

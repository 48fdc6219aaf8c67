/// \file
/// The launcher of spatial convolutions.
#pragma once

#include "runtime/image_runs.h"
#include "runtime/launch.h"

namespace sparsmith {

/// Panels that one thread should take together: rows of positions that code computes in one pass, else 1.
int64_t panels_together(const Launch& kernel, const ImageOperands& images);

/// Computes panels [first, last) of images on this thread. `fresh`: the call's first panels.
void compute_panels(const Launch& kernel, const ImageOperands& images, int64_t first, int64_t last, bool fresh);

/// Computes panels [0, panels) of images; threads divide panels, tiles or both (split.h).
Status compute_images(const Launch& kernel, const ImageOperands& images, int64_t panels, int threads);

/// What is computed between packing and unpacking.
struct SpatialWork {
  Workers workers;
  bool accumulate = false;       ///< reads the old Y
  int64_t floats_per_image = 0;  ///< of working memory, for each image that is computed at a time
  int64_t floats = 0;            ///< and for all of them

  /// Panels [0, panels) of some images; `memory` lies on a 64-byte line.
  virtual Status compute(const ImageOperands& images, int64_t panels, int threads, float* memory) const = 0;

 protected:
  explicit SpatialWork(const Workers& threads, bool accumulates) : workers(threads), accumulate(accumulates) {}
  ~SpatialWork() = default;
};

/// Packs plain images into the layout that the code sees, computes, unpacks; a group of images at a time: as many as
/// stay packed within L2, at least one. Threads divide position rows or channels when packing.
Status launch_images(const SpatialWork& work, const Operands& operands, int threads);

/// The same with one kernel.
Status launch_spatial(const Launch& kernel, const Operands& operands, int threads);

}  // namespace sparsmith

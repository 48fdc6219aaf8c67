/// \file
/// Runs code of the vector form: columns go through working memory in the order the code wants them, a pass at a time.
#pragma once

#include "runtime/launch.h"

namespace sparsmith {

/// What the vector form needs of a kernel beside Launch.
struct LaneLaunch {
  std::span<const int32_t> order;  ///< row of each place in slices: rows_by_count
  /// The pattern and where the values of this form come from, for operands that aren't finite.
  std::span<const int64_t> row_offsets;
  std::span<const int32_t> columns;
  std::span<const ValueSource> sources;  ///< parallel to `values`
  const float* values = nullptr;
};

/// As launch, for a kernel whose schedule has Form::vector. Passes are divided among threads, or, when there are fewer
/// of them, the tiles of each.
Status launch_vector(const Launch& kernel, const LaneLaunch& lanes, const Operands& operands, int threads);

}  // namespace sparsmith

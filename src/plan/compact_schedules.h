/// \file
/// Schedules of the compact form: how many panels a pass takes, of a spatial convolution in which rows of positions,
/// and the blocks of K and N that keep what a pass reads near.
#pragma once

#include <vector>

#include "plan/cost_model.h"
#include "plan/registers.h"
#include "sparsmith/pattern.h"
#include "sparsmith/plan.h"
#include "sparsmith/problem.h"

namespace sparsmith {

/// Rows of a compact tile are numbered in two bytes.
inline constexpr int64_t kMostCompactRows = int64_t{1} << 16;

/// Panels that a pass can reach for weights [rows, k], at least 1 for any within the limits.
int most_compact_panels(int64_t rows, int64_t k, const Problem& problem, const RegisterFile& registers);

/// What the passes of a schedule go through.
struct CompactPasses {
  int64_t count = 0;  ///< over all panels
  /// Lines of X of one channel (of a product: of one row) that a pass reads: all of its panels, at all taps and at one
  /// row of them; and those that all passes read.
  double lines = 0, tap_row_lines = 0, all_lines = 0;
};
CompactPasses compact_passes(const Problem& problem, int64_t panels, int64_t panels_per_pass);

/// Appends them. `matrix`: the layer's (LayerMatrix).
void add_compact(const Pattern& matrix, int64_t panels, const Problem& problem, const RegisterFile& registers,
                 const MachineModel& machine, std::vector<Schedule>& schedules);

}  // namespace sparsmith

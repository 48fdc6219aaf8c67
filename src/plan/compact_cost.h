/// \file
/// What a schedule of the compact form is expected to cost: a pass takes its nonzeros one by one, each with an overhead
/// of its own (index, address, broadcast) that the panels of the pass share.
#pragma once

#include "plan/cost_model.h"

namespace sparsmith {

/// Costs in nanoseconds, in the manner of MachineModel and fitted like it (bench/fit_cost_model.py);
/// x_far and y_line are those of the sparse form.
struct CompactModel {
  double step = 0;                 ///< a nonzero in a pass
  double fma = 0;                  ///< and more for each panel, with X in L1
  double x_l2 = 0, x_far = 0;      ///< and more where X comes from L2; from beyond
  double row = 0, row_vector = 0;  ///< a row in a pass and block of K; and more for each panel
  double y_line = 0;               ///< a line of Y that doesn't stay in L2
};
CompactModel compact_model(Isa isa);

double predict_compact_ns(const Schedule& schedule, const Problem& problem, const Work& work,
                          const MachineModel& machine, const CompactModel& model);

}  // namespace sparsmith

/// \file
/// What a schedule of the compact form is expected to cost: a pass takes its nonzeros one by one, each with an overhead
/// of its own (index, address, broadcast) that the panels of the pass share.
#pragma once

#include "plan/cost_model.h"

namespace sparsmith {

/// predict_ns for Form::compact.
double predict_compact_ns(const Schedule& schedule, const Problem& problem, const Work& work,
                          const MachineModel& machine);

}  // namespace sparsmith

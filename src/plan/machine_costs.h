/// \file
/// Measured costs in the cost model: its constants by name.
#pragma once

#include <span>

#include "plan/cost_model.h"
#include "sparsmith/calibrate.h"

namespace sparsmith {

struct NamedCost {
  const char* name;
  double MachineModel::*cost;
};

/// Every cost that predict_ns is linear in: the prediction is the sum of these times what the model says of the
/// schedule.
std::span<const NamedCost> named_costs();

/// The model's constants replaced by measured ones. Those that the costs don't name are scaled as multiply-accumulates
/// are; names that the model doesn't know are passed over, and so are costs of another instruction set.
void apply_costs(const MachineCosts& costs, Isa isa, MachineModel& model);

/// What each of named_costs() is multiplied by for a schedule.
std::vector<double> cost_terms(const Schedule& schedule, const Problem& problem, const Work& work,
                               const MachineModel& machine);

}  // namespace sparsmith

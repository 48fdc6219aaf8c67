/// \file
/// Calls of fewer columns than a plan is made for: up to how many the vector form is the better code for them.
#pragma once

#include "plan/cost_model.h"
#include "sparsmith/plan.h"

namespace sparsmith {

/// The vector form with its prediction for calls of n columns; of `network_bytes` of code, if the caches don't hold it.
Candidate vector_candidate(const Schedule& schedule, const Pattern& pattern, const Problem& problem, int64_t n,
                           const Target& target, const MachineModel& machine, int64_t network_bytes);

/// Sets plan.few and plan.few_columns for a plan whose schedule is chosen: where calls of few columns may come, the
/// target has the vector form and its code takes little time to make.
void plan_few_columns(Plan& plan, const Pattern& pattern, const Problem& problem, const Target& target,
                      int64_t network_bytes);

/// The same by two times of the vector form, at 1 and at `columns` columns, and that of `chosen`, which a panel takes
/// whatever it holds of it.
void set_few_columns(Plan& plan, double one_ns, double columns_ns, int64_t columns, double chosen_ns);

}  // namespace sparsmith

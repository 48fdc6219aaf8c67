#include "plan/few_columns.h"

#include <algorithm>

#include "plan/candidates.h"
#include "plan/slices.h"

namespace sparsmith {
namespace {

/// Code for few columns has to be this much faster than the chosen one, which is there anyway.
constexpr double kWorthwhile = 1.1;
/// Nonzeros whose slots are packed and emitted in some 15 ms: what a layer that is compiled for many columns pays for
/// calls that may never come. Where N isn't known they are as likely as others.
constexpr int64_t kMostUnasked = 1 << 17, kMostUnknown = 1 << 20;

int64_t slices_of(const Pattern& pattern) { return (pattern.rows() + kSliceRows - 1) / kSliceRows; }

/// Fewest columns that a call can have.
int64_t fewest_columns(const Problem& problem) {
  const bool plain = problem.x_layout == Layout::plain || problem.y_layout == Layout::plain;
  return problem.conv && plain ? problem.conv->out_height() * problem.conv->out_width() : 1;
}

}  // namespace

Candidate vector_candidate(const Schedule& schedule, const Pattern& pattern, const Problem& problem, int64_t n,
                           const Target& target, const MachineModel& machine, int64_t network_bytes) {
  Work work{pattern.rows(), pattern.cols(), pattern.nnz(), n, panel_count(n)};
  const int64_t tile_slices = schedule.tile_rows / kSliceRows;
  work.tiles = (slices_of(pattern) + tile_slices - 1) / tile_slices;
  work.network_bytes = network_bytes;
  work.slots = estimate_slots(pattern, schedule.window_step);
  return {schedule, predict_ns(schedule, problem, work, machine), 0, estimate_code_bytes(schedule, work, target.isa()),
          ""};
}

void set_few_columns(Plan& plan, double one_ns, double columns_ns, int64_t columns, double chosen_ns) {
  const double each = std::max((columns_ns - one_ns) / static_cast<double>(columns - 1), one_ns / 4);
  const double most = 1 + (chosen_ns / kWorthwhile - one_ns) / each;
  const bool worthwhile = chosen_ns > kWorthwhile * one_ns;
  plan.few_columns = worthwhile ? std::clamp<int64_t>(static_cast<int64_t>(most), 1, kMostVectorColumns) : 0;
}

void plan_few_columns(Plan& plan, const Pattern& pattern, const Problem& problem, const Target& target,
                      int64_t network_bytes) {
  plan.few_columns = 0;
  const bool few_planned = plan.n <= 4 && problem.n > 0;
  if (few_planned || problem.n_fixed || plan.chosen.form == Form::vector) return;
  if (fewest_columns(problem) > kMostVectorColumns) return;
  if (pattern.nnz() > (problem.n > 0 ? kMostUnasked : kMostUnknown)) return;
  const std::vector<Schedule> schedules = vector_schedules(pattern, problem, 1, target);
  if (schedules.empty()) return;
  plan.few = schedules.front();
  const MachineModel machine = machine_model(target);
  const auto predicted = [&](int64_t n) {
    return vector_candidate(plan.few, pattern, problem, n, target, machine, network_bytes).predicted_ns;
  };
  // A panel of the chosen code, whose share of the whole call is known.
  const double chosen = plan.candidates.front().predicted_ns / static_cast<double>(panel_count(plan.n));
  constexpr int64_t kOther = 4;
  set_few_columns(plan, predicted(1), predicted(kOther), kOther, chosen);
}

}  // namespace sparsmith

#include "sparsmith/plan.h"

#include <new>

#include "plan/candidates.h"
#include "plan/few_columns.h"
#include "plan/layer_matrix.h"
#include "plan/machine_costs.h"

namespace sparsmith {

namespace {

Result<Plan> plan_layer(const Pattern& pattern, const Problem& problem, const Target& target,
                        const PlanOptions& options) {
  if (Status valid = check_problem(pattern, problem); !valid) return valid.error();
  if (options.network_code_bytes < 0) {
    return bad_input("a network of " + std::to_string(options.network_code_bytes) +
                     " bytes of code; it must be 0 (unknown) or more");
  }
  Plan plan;
  plan.m = pattern.rows();
  plan.k = pattern.cols();
  plan.nnz = pattern.nnz();
  plan.n = problem.n > 0  ? problem.n
           : problem.conv ? problem.conv->out_height() * problem.conv->out_width()
                          : kAssumedColumns;
  plan.target = target.to_string();

  const auto matrix = LayerMatrix::create(pattern, problem);
  if (!matrix) return matrix.error();
  MachineModel machine = machine_model(target);
  if (options.machine != nullptr) apply_costs(*options.machine, target.isa(), machine);
  CandidateMaker maker(*matrix, pattern, problem, target, machine, options.network_code_bytes);
  const auto consider = [&](const std::vector<Schedule>& schedules, int64_t panels) {
    for (const Schedule& schedule : schedules) {
      Candidate candidate = maker.make(schedule, plan.n, panels);
      if (schedule.form == Form::sparse && candidate.code_bytes > kMostStraightCodeBytes) continue;
      plan.candidates.push_back(std::move(candidate));
    }
  };
  const int64_t columns = panel_count(plan.n);
  consider(vector_schedules(pattern, problem, plan.n, target), columns);
  // Calls of more columns than an image has, when N isn't said, run what is chosen; those of so few have code in `few`.
  if (problem.n > 0) consider(narrow_schedules(pattern, problem, plan.n, target), columns);
  for (const ImageLayout images : image_layouts(pattern, problem)) {
    const int64_t panels = problem.spatial() ? maker.images(plan.n) * maker.image(images).panels : columns;
    consider(candidate_schedules(matrix->pattern(), panels, problem, target, options.network_code_bytes, images),
             panels);
  }
  keep_best(plan.candidates);
  choose(plan);
  if (!options.whole_panels) plan_few_columns(plan, problem, pattern, target, maker, columns);
  return plan;
}

}  // namespace

Result<Plan> make_plan(const Pattern& pattern, const Problem& problem, const Target& target,
                       const PlanOptions& options) {
  try {
    return plan_layer(pattern, problem, target, options);
  } catch (const std::bad_alloc&) {
    return unsuitable("no memory to plan a matrix of " + std::to_string(pattern.rows()) + " x " +
                      std::to_string(pattern.cols()));
  }
}

}  // namespace sparsmith

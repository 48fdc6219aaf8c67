#include "sparsmith/plan.h"

#include <algorithm>
#include <cstdio>
#include <new>

#include "plan/candidates.h"
#include "plan/few_columns.h"
#include "plan/layer_matrix.h"
#include "plan/machine_costs.h"

namespace sparsmith {

const char* to_string(Form form) {
  switch (form) {
    case Form::sparse:
      return "sparse";
    case Form::dense:
      return "dense";
    case Form::vector:
      return "vector";
    case Form::depthwise:
      return "depthwise";
    case Form::compact:
      return "compact";
  }
  return "?";
}

const char* to_string(ImageLayout layout) {
  switch (layout) {
    case ImageLayout::strips:
      return "strips";
    case ImageLayout::planes:
      return "planes";
    case ImageLayout::rows:
      return "rows";
  }
  return "?";
}

std::string Schedule::describe() const {
  if (form == Form::vector) {
    return "vector, " + std::to_string(lanes) + " lanes, " + std::to_string(tile_rows) + " rows by " +
           std::to_string(panels_per_pass) + (panels_per_pass > 1 ? " columns" : " column") + ", windows every " +
           std::to_string(window_step);
  }
  std::string text = std::string(to_string(form)) + " " + std::to_string(tile_rows) + "x" +
                     std::to_string(panels_per_pass) + ", k " + (k_block > 0 ? std::to_string(k_block) : "all") +
                     ", n " + (n_block > 0 ? std::to_string(n_block * 16) : "all");
  if (images != ImageLayout::strips)
    text += std::string(", ") + (images == ImageLayout::rows ? "row panels" : "planes");
  if (form == Form::sparse) text += cluster_rows ? ", clustered" : ", rows in order";
  if (tile_group > 0)
    text += ", groups of " + std::to_string(tile_group) + " by n " + std::to_string(inner_panels * 16);
  if (direct_x) text += ", X in place";
  if (prefetch_y) text += ", Y prefetched";
  if (prefetch_code) text += ", code prefetched";
  if (lanes < 16) text += ", " + std::to_string(lanes) + " lanes";
  return text;
}

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
  plan_few_columns(plan, problem, pattern, target, maker, columns);
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

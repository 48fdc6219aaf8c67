#include <cstdio>
#include <new>
#include <string>

#include "codegen/code_generator.h"
#include "compiler/build_image.h"
#include "compiler/clock.h"
#include "compiler/tune.h"
#include "plan/candidates.h"
#include "runtime/kernel_impl.h"
#include "sparsmith/compiler.h"

namespace sparsmith {
namespace {

/// Raised when the planner may choose otherwise for the same input, so that cached choices are made anew.
constexpr int kPlannerVersion = 12;

/// Everything the code and its plan depend on, as text; what depends on values alone (alpha, beta, lo, hi) is left out.
/// An untuned plan is a function of this key, so finding code needs no planning.
Digest cache_key(const Pattern& pattern, const Problem& problem, const Target& target, const CompileOptions& options,
                 const MachineCosts* machine) {
  std::string text = "sparsmith " + std::string(version()) + " llvm " + llvm_version() + " image " +
                     std::to_string(kImageFormat) + " planner " + std::to_string(kPlannerVersion);
  const auto add = [&](const char* name, int64_t value) { text += std::string(" ") + name + std::to_string(value); };
  text += " pattern " + pattern.digest().hex() + " target " + target.to_string();
  add("n", problem.n);
  add("fixed", problem.n_fixed);
  add("x", static_cast<int>(problem.x_layout));
  add("y", static_cast<int>(problem.y_layout));
  add("of", problem.y_channels);
  if (problem.conv) {
    const Conv2d& conv = *problem.conv;
    for (const int64_t v : {conv.height, conv.width, conv.stride_h, conv.stride_w, conv.kernel_h, conv.kernel_w,
                            conv.dilation_h, conv.dilation_w, conv.pad_top, conv.pad_left, conv.pad_bottom,
                            conv.pad_right, conv.groups, static_cast<int64_t>(conv.order)}) {
      add("conv", v);
    }
  }
  const Epilogue& epilogue = problem.epilogue;
  add("accumulate", epilogue.accumulate);
  add("scale", epilogue.row_scale);
  add("bias", epilogue.bias);
  add("residual", static_cast<int>(epilogue.residual));
  add("activation", static_cast<int>(epilogue.activation));
  add("network", options.network_code_bytes);
  add("whole", options.whole_panels);
  // Plans depend on the machine's costs and caches, and what was measured on one CPU says little of another.
  if (machine != nullptr) {
    for (const auto& [cost, ns] : machine->ns) {
      char value[64];
      std::snprintf(value, sizeof value, "=%.17g", ns);
      text += " " + cost + value;
    }
  }
  if (options.tune) text += " cpu " + host_cpu();
  if (options.schedule) {
    text += " schedule " + options.schedule->describe();
  } else {
    add("tuned", options.tune);
  }
  return digest_of(text.data(), text.size());
}

Result<Plan> plan_for(const Weights& weights, const Problem& problem, const LayerParams& params, const Target& target,
                      const CompileOptions& options, const MachineCosts* machine, BuildReport& report) {
  const auto start = Clock::now();
  if (options.schedule) {
    if (Status legal = check_schedule(*options.schedule, weights.pattern(), problem, target); !legal)
      return legal.error();
    Plan plan;
    plan.m = weights.rows(), plan.k = weights.cols(), plan.nnz = weights.nnz();
    plan.n = problem.n > 0 ? problem.n : kAssumedColumns;
    plan.target = target.to_string();
    plan.chosen = *options.schedule;
    plan.candidates.push_back({plan.chosen, 0, 0, 0, "given by the caller"});
    plan.reason = "The caller asked for this schedule.";
    return plan;
  }
  auto plan = make_plan(weights.pattern(), problem, target, {options.network_code_bytes, machine, options.whole_panels});
  report.plan_ns = static_cast<int64_t>(elapsed_ns(start));
  if (!plan || !options.tune) return plan;
  const auto tuning = Clock::now();
  if (Status tuned = tune(*plan, weights, problem, params, target, options); !tuned) return tuned.error();
  report.tune_ns = static_cast<int64_t>(elapsed_ns(tuning));
  return plan;
}

BuildReport::Source source_of(Cache::Source source) {
  switch (source) {
    case Cache::Source::memory:
      return BuildReport::Source::memory_cache;
    case Cache::Source::disk:
      return BuildReport::Source::disk_cache;
    case Cache::Source::built:
      break;
  }
  return BuildReport::Source::built;
}

Result<Kernel> compile_layer(const Weights& weights, const Problem& problem, const LayerParams& params,
                             const CompileOptions& options) {
  const auto start = Clock::now();
  auto target = Target::parse(options.target);
  if (!target) return target.error();
  if (Status valid = check_problem(weights.pattern(), problem); !valid) return valid.error();
  if (Status valid = check_params(problem.epilogue, params, weights.rows()); !valid) return valid.error();

  std::shared_ptr<const MachineCosts> machine = options.machine;
  if (machine == nullptr && options.cache != nullptr) machine = options.cache->machine_costs(target->isa());

  BuildReport report;
  const auto build = [&]() -> Result<KernelImage> {
    auto plan = plan_for(weights, problem, params, *target, options, machine.get(), report);
    if (!plan) return plan.error();
    const auto emitting = Clock::now();
    auto image = build_image(weights.pattern(), problem, *plan, *target, options.name);
    report.emit_ns = static_cast<int64_t>(elapsed_ns(emitting));
    return image;
  };

  std::shared_ptr<const LoadedCode> code;
  if (options.cache) {
    auto found =
        options.cache->get_or_build(cache_key(weights.pattern(), problem, *target, options, machine.get()), build);
    if (!found) return found.error();
    code = found->code;
    report.source = source_of(found->source);
  } else {
    auto image = build();
    if (!image) return image.error();
    auto loaded = load_code(std::move(image).value());
    if (!loaded) return loaded.error();
    code = std::move(loaded).value();
  }
  report.code_bytes = static_cast<int64_t>(code->code_bytes);
  auto kernel = make_kernel(std::move(code), problem, weights, params, report);
  if (kernel) {
    BuildReport& final_report = kernel->impl().report;
    final_report.total_ns = static_cast<int64_t>(elapsed_ns(start)) - report.tune_ns;
  }
  return kernel;
}

}  // namespace

Result<Kernel> compile(const Weights& weights, const Problem& problem, const LayerParams& params,
                       const CompileOptions& options) {
  try {
    return compile_layer(weights, problem, params, options);
  } catch (const std::bad_alloc&) {
    return unsuitable("no memory to compile " + options.name);
  }
}

const char* version() { return SPARSMITH_VERSION; }
const char* compiler_version() { return llvm_version(); }

}  // namespace sparsmith

#include "cli/model_report.h"

#include <algorithm>

#include "cli/model_call.h"
#include "cli/model_options.h"
#include "cli/pattern_class.h"
#include "cli/report.h"
#include "runtime/kernel_impl.h"
#include "sparsmith/compile_model.h"

namespace sparsmith::cli {
namespace {

Pattern pattern_of(const Kernel& kernel) {
  const KernelImage& image = kernel.impl().code->image;
  return take(Pattern::create(image.m, image.k, image.row_offsets, image.columns));
}

/// Steps shorter than reading the clock had nothing to do.
constexpr double kNothingNs = 150;

void measure(ModelReport& report) {
  const auto inputs = random_inputs(report.model);
  ModelCall call(report.model, inputs, report.threads);
  const int64_t first = call.time(1).front();
  // About a third of a second for each of both, from 3 to 200 calls.
  const int64_t runs = std::clamp<int64_t>(300'000'000 / std::max<int64_t>(first, 1), 3, 200);
  call.time(2);
  report.call_ns = static_cast<double>(std::ranges::min(call.time(runs)));
  const auto steps = call.time_steps(runs);
  for (size_t i = 0; i < steps.size(); ++i) {
    const auto ns = static_cast<double>(steps[i]);
    report.steps[i].measured_ns = ns < kNothingNs ? 0 : ns;
  }
  report.measured = true;
}

}  // namespace

const Candidate* chosen_candidate(const Plan& plan) {
  for (const Candidate& candidate : plan.candidates) {
    if (candidate.schedule == plan.chosen) return &candidate;
  }
  return nullptr;
}

std::string chosen_form(const Plan& plan) { return to_string(plan.chosen.form); }

double ModelReport::predicted_ns() const {
  double ns = 0;
  for (const LayerReport& layer : layers) {
    const Candidate* chosen = chosen_candidate(layer.kernel->plan());
    ns += chosen != nullptr ? chosen->predicted_ns : 0;
  }
  return ns;
}

double ModelReport::predicted_dense_ns() const {
  double ns = 0;
  for (const LayerReport& layer : layers) {
    const Candidate* chosen = chosen_candidate(layer.kernel->plan());
    const bool grouped = layer.kernel->problem().conv && layer.kernel->problem().conv->groups > 1;
    const double own = chosen != nullptr ? chosen->predicted_ns : 0;
    ns += layer.times.dense_ns > 0 && !grouped ? layer.times.dense_ns : own;
  }
  return ns;
}

double ModelReport::measured_ns(bool layers_only) const {
  double ns = 0;
  for (const StepReport& step : steps) ns += !layers_only || step.step.kernel >= 0 ? step.measured_ns : 0;
  return ns;
}

bool is_shown(const ModelReport& report, const StepReport& step) {
  return step.step.kernel >= 0 || !report.measured || step.measured_ns > 0;
}

ModelReport make_report(const std::string& file, Model model, const ReportOptions& options) {
  ModelReport report{.file = file, .model = std::move(model), .layers = {}, .steps = {}, .memory = {}};
  report.threads = options.threads;
  for (const ModelStep& step : report.model.steps()) report.steps.push_back({step, 0});
  report.memory = take(report.model.memory(smallest_shapes(report.model)));

  const Target target = take(Target::parse(report.model.target()));
  const auto costs = options.cache ? options.cache->machine_costs(target.isa()) : nullptr;
  int64_t nonzeros = 0;
  for (const Kernel& kernel : report.model.kernels()) nonzeros += kernel.nnz();
  const PlanOptions plan_options{network_code_bytes(nonzeros), costs.get()};
  for (const Kernel& kernel : report.model.kernels()) {
    Pattern pattern = pattern_of(kernel);
    const int64_t taps = kernel.problem().conv ? kernel.problem().conv->taps() : 1;
    std::string kind = pattern_class(pattern, taps);
    const FormTimes times = form_times(kernel.plan());
    auto even = break_even_density(pattern, kernel.problem(), kernel.plan(), target, plan_options);
    report.layers.push_back({&kernel, std::move(pattern), std::move(kind), times, even});
  }
  if (options.measure) measure(report);
  return report;
}

}  // namespace sparsmith::cli

#include "sparsmith/calibrate.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <memory>
#include <new>
#include <random>

#include "compiler/clock.h"
#include "compiler/evict.h"
#include "plan/candidates.h"
#include "plan/few_columns.h"
#include "plan/layer_matrix.h"
#include "plan/least_squares.h"
#include "plan/machine_costs.h"
#include "sparsmith/compiler.h"
#include "sparsmith/panel.h"

namespace sparsmith {
namespace {

/// A layer that brings out some of the costs; together they bring out all.
struct Probe {
  int64_t m, k, n;
  double density;
  Layout x_layout = Layout::panel;
  bool cold = false;
  const char* what;
};
constexpr Probe kProbes[] = {
    {128, 128, 192, 0.2, Layout::panel, false, "arithmetic, X in L1"},
    {256, 1024, 192, 0.1, Layout::panel, false, "X in L2"},
    {256, 512, 784, 0.05, Layout::panel, false, "few weights a row"},
    {512, 128, 784, 0.02, Layout::panel, false, "hardly any weights"},
    {128, 1024, 1568, 0.1, Layout::panel, false, "X beyond L2"},
    {64, 256, 3136, 0.1, Layout::panel, false, "much X, little Y"},
    {256, 64, 3136, 0.2, Layout::panel, false, "little X, much Y"},
    {512, 1536, 48, 0.15, Layout::panel, false, "large code"},
    {256, 256, 392, 0.1, Layout::plain, false, "a plain X"},
    {256, 256, 200, 0.1, Layout::plain, false, "a plain X, rows across lines"},
    {256, 1024, 1, 0.1, Layout::plain, false, "one column"},
    {1024, 256, 4, 0.2, Layout::panel, false, "a few columns"},
    {2048, 512, 2, 0.4, Layout::panel, false, "a few columns, slots beyond L2"},
    {64, 2048, 96, 0.1, Layout::panel, false, "long rows"},
    {256, 1024, 16, 0.1, Layout::panel, true, "cold code"},
    {512, 512, 48, 0.2, Layout::panel, true, "cold code and values"},
};
constexpr int64_t kBeyondCaches = int64_t{1} << 40;
/// Candidates of a probe that are measured: so many of each form (Form's order), evenly taken from all of it.
constexpr size_t kPerForm[] = {9, 2, 3, 1, 4};

std::vector<Schedule> sample(const std::vector<Schedule>& all) {
  std::vector<Schedule> taken;
  for (size_t form = 0; form < std::size(kPerForm); ++form) {
    std::vector<Schedule> its;
    std::ranges::copy_if(all, std::back_inserter(its), [&](const Schedule& s) { return s.form == Form(form); });
    const size_t step = std::max<size_t>(1, its.size() / kPerForm[form]);
    for (size_t i = 0; i < its.size(); i += step) taken.push_back(its[i]);
  }
  return taken;
}

Result<Weights> random_weights(const Probe& probe) {
  std::minstd_rand random(7);
  std::vector<int64_t> offsets{0};
  std::vector<int32_t> columns;
  for (int64_t row = 0; row < probe.m; ++row) {
    for (int64_t column = 0; column < probe.k; ++column) {
      if (static_cast<double>(random()) < probe.density * static_cast<double>(std::minstd_rand::max())) {
        columns.push_back(static_cast<int32_t>(column));
      }
    }
    offsets.push_back(static_cast<int64_t>(columns.size()));
  }
  std::vector<float> values(columns.size(), 0.5f);
  auto pattern = Pattern::create(probe.m, probe.k, std::move(offsets), std::move(columns));
  if (!pattern) return pattern.error();
  return Weights::create(std::move(pattern).value(), std::move(values));
}

/// What was measured: the multipliers of the costs, and the time.
struct Row {
  std::vector<double> terms;
  double ns = 0;
};

class Calibration {
 public:
  Calibration(const Target& target, const CalibrateOptions& options)
      : target_(target), options_(options), model_(machine_model(target)) {}

  Status measure(const Probe& probe) {
    if (options_.progress) options_.progress(probe.what);
    const auto start = Clock::now();
    const double budget_ns = options_.budget_ms * 1e6 / static_cast<double>(std::size(kProbes));
    const auto weights = random_weights(probe);
    if (!weights) return weights.error();
    Problem problem;
    problem.n = probe.n;
    problem.x_layout = probe.x_layout;
    problem.y_layout = Layout::panel;
    const int64_t network = probe.cold ? kBeyondCaches : 0, panels = panel_count(probe.n);
    auto all = candidate_schedules(weights->pattern(), panels, problem, target_, network);
    for (const auto& more : {vector_schedules(weights->pattern(), problem, probe.n, target_),
                             narrow_schedules(weights->pattern(), problem, probe.n, target_)}) {
      all.insert(all.end(), more.begin(), more.end());
    }
    const auto matrix = LayerMatrix::create(weights->pattern(), problem);
    if (!matrix) return matrix.error();
    CandidateMaker maker(*matrix, weights->pattern(), problem, target_, model_, network);

    std::vector<float> x(static_cast<size_t>(panel_floats(probe.k, probe.n)) + 16, 0.25f);
    std::vector<float> y(static_cast<size_t>(panel_floats(probe.m, probe.n)) + 16);
    const auto on_a_line = [](std::vector<float>& v) {
      return v.data() + (64 - reinterpret_cast<uintptr_t>(v.data()) % 64) % 64 / sizeof(float);
    };
    RunArgs args{.x = on_a_line(x), .y = on_a_line(y), .n = probe.n};

    std::vector<Kernel> kernels;
    std::vector<Row> rows;
    for (const Schedule& schedule : sample(all)) {
      CompileOptions compile_options;
      compile_options.target = target_.to_string();
      compile_options.schedule = &schedule;
      auto kernel = compile(*weights, problem, {}, compile_options);
      if (!kernel) return kernel.error();
      const Work work = maker.work(schedule, probe.n, panels);
      rows.push_back({cost_terms(schedule, problem, work, model_), 0});
      kernels.push_back(std::move(kernel).value());
      if (Status ran = kernels.back().run(args); !ran) return ran;
    }

    // As in tuning: interleaved, minima, the first call of a warm sample untimed.
    constexpr int kLeastRounds = 3, kMostRounds = 40;
    NetworkEviction evict(network, model_.l2_bytes, model_.l3_bytes);
    for (int round = 0; round < kMostRounds; ++round) {
      if (round >= kLeastRounds && elapsed_ns(start) > budget_ns) break;
      for (size_t i = 0; i < kernels.size(); ++i) {
        if (evict) {
          evict(kernels[i]);
        } else if (Status ran = kernels[i].run(args); !ran) {
          return ran;
        }
        const auto begin = Clock::now();
        if (Status ran = kernels[i].run(args); !ran) return ran;
        const double ns = std::max(elapsed_ns(begin), 1.0);
        if (rows[i].ns == 0 || ns < rows[i].ns) rows[i].ns = ns;
      }
    }
    rows_.insert(rows_.end(), rows.begin(), rows.end());
    return success();
  }

  MachineCosts fit() const {
    const auto named = named_costs();
    const auto predicted = [&](const Row& row) {
      double ns = 0;
      for (size_t j = 0; j < named.size(); ++j) ns += row.terms[j] * model_.*named[j].cost;
      return ns;
    };
    // The model's own constants, brought to this machine's speed, are what rows have to argue with.
    std::vector<double> speeds;
    for (const Row& row : rows_) speeds.push_back(row.ns / predicted(row));
    const auto middle = speeds.begin() + static_cast<std::ptrdiff_t>(speeds.size() / 2);
    std::nth_element(speeds.begin(), middle, speeds.end());
    const double speed = *middle;

    std::vector<std::vector<double>> relative;
    for (const Row& row : rows_) {
      std::vector<double> terms;
      for (size_t j = 0; j < named.size(); ++j) terms.push_back(row.terms[j] * speed * model_.*named[j].cost / row.ns);
      relative.push_back(std::move(terms));
    }
    constexpr double kPrior = 1;
    const std::vector<double> factors = fit_factors(relative, kPrior);

    MachineCosts costs;
    costs.cpu = host_cpu();
    costs.isa = target_.isa();
    // No cost is nothing at all, and none is more than some times what it is elsewhere.
    constexpr double kLeast = 0.1, kMost = 10;
    for (size_t j = 0; j < named.size(); ++j) {
      costs.ns.emplace_back(named[j].name, std::clamp(factors[j], kLeast, kMost) * speed * model_.*named[j].cost);
    }
    double squares = 0;
    for (const Row& row : rows_) {
      double ns = 0;
      for (size_t j = 0; j < named.size(); ++j) ns += row.terms[j] * costs.ns[j].second;
      squares += (ns / row.ns - 1) * (ns / row.ns - 1);
    }
    costs.error = std::sqrt(squares / static_cast<double>(rows_.size()));
    return costs;
  }

 private:
  const Target& target_;
  const CalibrateOptions& options_;
  const MachineModel model_;
  std::vector<Row> rows_;
};

}  // namespace

Result<MachineCosts> calibrate(const Target& target, const CalibrateOptions& options) {
  if (const std::string missing = target.missing_on_host(); !missing.empty()) {
    return unsuitable("code for " + target.to_string() + " can't be measured here: this CPU lacks " + missing,
                      "calibrate for the target \"host\"");
  }
  try {
    Calibration calibration(target, options);
    for (const Probe& probe : kProbes) {
      if (Status measured = calibration.measure(probe); !measured) return measured.error();
    }
    return calibration.fit();
  } catch (const std::bad_alloc&) {
    return unsuitable("no memory to calibrate with");
  }
}

}  // namespace sparsmith

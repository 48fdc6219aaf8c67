// sparsmith_plan_quality: how close the planner's choice comes to the best of all its candidates, measured. Optionally
// writes every candidate's work and time for bench/fit_cost_model.py.
//   sparsmith_plan_quality [--layout plain|panel|plane|row] [--target T] [--budget MS] [--csv FILE] [--cold] [--machine
//   DIR] CASES...
// --machine: with the costs that `sparsmith calibrate --cache DIR` kept, beside the built-in ones.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/cases.h"
#include "bench/cold.h"
#include "bench/measure.h"
#include "plan/candidates.h"
#include "plan/few_columns.h"
#include "plan/image_work.h"
#include "plan/layer_matrix.h"
#include "plan/machine_costs.h"
#include "plan/tiling.h"
#include "sparsmith/sparsmith.h"
#include "sparsmith/strip.h"

namespace sparsmith::bench {
namespace {

constexpr const char* kLayouts[] = {"plain", "panel", "plane", "row"};

const char* layout_name(Layout layout) { return kLayouts[static_cast<size_t>(layout)]; }

std::optional<Layout> layout_of(const std::string& name) {
  const auto* const found = std::find(std::begin(kLayouts), std::end(kLayouts), name);
  if (found == std::end(kLayouts)) return std::nullopt;
  return static_cast<Layout>(found - std::begin(kLayouts));
}

struct Settings {
  Layout layout = Layout::panel;
  std::string target = "host";
  double budget_ms = 8;  ///< for each candidate
  std::string csv;
  std::shared_ptr<const MachineCosts> machine;
  CacheEvictor* cold = nullptr;  ///< caches are evicted before every call, and plans made for that
  std::vector<std::string> lists;
};

struct Measured {
  Schedule schedule;
  Kernel kernel;
  double ns = 0;
  double predicted_ns = 0;  ///< with the measured costs where they are given
};

class Quality {
 public:
  explicit Quality(Settings settings) : settings_(std::move(settings)) {
    if (!settings_.csv.empty()) {
      csv_.open(settings_.csv);
      csv_ << "file,m,k,n,nnz,layout,form,rows,panels,k_block,n_block,cluster,prefetch,direct,group,inner,window,"
              "prefetch_code,images,"
              "lanes,tiles,x_loads,code,predicted_ns,ns\n";
    }
  }

  Status run(const Case& one) {
    auto weights = load_weights(one.path);
    if (!weights) return weights.error();
    auto target = Target::parse(settings_.target);
    if (!target) return target.error();
    Problem problem;
    problem.n = one.n;
    problem.conv = one.conv;
    problem.x_layout = problem.y_layout = settings_.layout;

    auto matrix = LayerMatrix::create(weights->pattern(), problem);
    if (!matrix) return matrix.error();

    std::vector<Measured> all;
    const auto panels_of = [&](ImageLayout images) {
      return problem.spatial() ? image_work(images, *one.conv, weights->rows()).panels : panel_count(one.n);
    };
    std::vector<Schedule> schedules;
    for (const ImageLayout images : image_layouts(weights->pattern(), problem)) {
      const auto some =
          candidate_schedules(matrix->pattern(), panels_of(images), problem, *target, network_bytes(), images);
      schedules.insert(schedules.end(), some.begin(), some.end());
    }
    for (const auto& few : {vector_schedules(weights->pattern(), problem, one.n, *target),
                            narrow_schedules(weights->pattern(), problem, one.n, *target)}) {
      schedules.insert(schedules.end(), few.begin(), few.end());
    }
    MachineModel machine = machine_model(*target);
    if (settings_.machine != nullptr) apply_costs(*settings_.machine, target->isa(), machine);
    CandidateMaker maker(*matrix, weights->pattern(), problem, *target, machine, network_bytes());
    for (const Schedule& schedule : schedules) {
      auto kernel = compile_with(*weights, problem, &schedule);
      if (!kernel) return kernel.error();
      all.push_back({schedule, std::move(kernel).value(), 0,
                     maker.make(schedule, one.n, panels_of(schedule.images)).predicted_ns});
    }
    time_all(all, problem, weights->rows(), weights->cols());
    const double best =
        std::min_element(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.ns < b.ns; })->ns;
    auto untuned = compile_with(*weights, problem, nullptr);
    if (!untuned) return untuned.error();
    auto tuned = compile_with(*weights, problem, nullptr, true);
    if (!tuned) return tuned.error();
    if (settings_.machine != nullptr) {
      auto calibrated = compile_with(*weights, problem, nullptr, false, true);
      if (!calibrated) return calibrated.error();
      log_calibrated_ += std::log(best / time_of(all, calibrated->plan().chosen));
    }
    const double by_model = best / time_of(all, untuned->plan().chosen);
    const double by_tuning = best / time_of(all, tuned->plan().chosen);
    log_model_ += std::log(by_model);
    log_tuned_ += std::log(by_tuning);
    ++cases_;
    std::printf("%-52s n %5lld  best %8.1f us  model %.2f  tuned %.2f  %s\n", one.name.c_str(),
                static_cast<long long>(one.n), best / 1e3, by_model, by_tuning,
                untuned->plan().chosen.describe().c_str());
    std::fflush(stdout);
    write_csv(one, matrix->pattern(), all);
    return success();
  }

  void report() const {
    if (cases_ == 0) return;
    std::printf("chosen over best of all candidates, geometric mean of %d cases: model %.3f, tuned %.3f\n", cases_,
                std::exp(log_model_ / cases_), std::exp(log_tuned_ / cases_));
    if (settings_.machine != nullptr)
      std::printf("the model with this machine's costs: %.3f\n", std::exp(log_calibrated_ / cases_));
  }

 private:
  Result<Kernel> compile_with(const Weights& weights, const Problem& problem, const Schedule* schedule,
                              bool tune = false, bool calibrated = false) const {
    CompileOptions options;
    if (calibrated) options.machine = settings_.machine;
    options.target = settings_.target;
    options.schedule = schedule;
    options.tune = tune;
    options.network_code_bytes = network_bytes();
    return compile(weights, problem, {}, options);
  }

  /// With cold caches: of a network that none holds.
  int64_t network_bytes() const { return settings_.cold != nullptr ? int64_t{1} << 40 : 0; }

  void time_all(std::vector<Measured>& all, const Problem& problem, int64_t m, int64_t k) const {
    const int64_t n = problem.n;
    int64_t x_floats = panel_floats(k, n), y_floats = panel_floats(m, n);
    if (problem.conv) {
      const Conv2d& conv = *problem.conv;
      const int64_t channels = conv.channels(k);
      x_floats = std::max(x_floats, channels * (conv.height * conv.width + 16));
      if (problem.spatial()) {
        x_floats = std::max(x_floats, image_floats_x(problem.x_layout, conv, channels));
        y_floats = std::max(y_floats, image_floats_y(problem.y_layout, conv, m));
      }
    }
    std::vector<float> x(static_cast<size_t>(x_floats) + 16), y(static_cast<size_t>(y_floats) + 16);
    for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i * 7919 % 1000) / 500 - 1;
    const auto on_a_line = [](std::vector<float>& v) {
      return v.data() + (64 - reinterpret_cast<uintptr_t>(v.data()) % 64) % 64 / sizeof(float);
    };
    RunArgs args;
    args.x = on_a_line(x);
    args.y = on_a_line(y);
    args.n = n;
    std::vector<Contender> contenders;
    for (const Measured& one : all) {
      contenders.push_back({one.schedule.describe(), [&one, &args] {
                              if (!one.kernel.run(args)) std::abort();
                            }});
    }
    MeasureOptions options;
    options.budget_ms = settings_.budget_ms;
    options.warm_up_ms = 0.5;
    options.sample_us = 500;
    const std::vector<Timing> times =
        settings_.cold != nullptr ? measure_cold(contenders, *settings_.cold, options) : measure(contenders, options);
    for (size_t i = 0; i < all.size(); ++i) all[i].ns = times[i].ns_min;
  }

  static double time_of(const std::vector<Measured>& all, const Schedule& schedule) {
    const auto found = std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.schedule == schedule; });
    return found != all.end() ? found->ns : INFINITY;
  }

  void write_csv(const Case& one, const Pattern& weights, const std::vector<Measured>& all) {
    if (!csv_.is_open()) return;
    for (const Measured& row : all) {
      const Schedule& s = row.schedule;
      const Tiling tiling = make_tiling(weights, s.tile_rows, s.cluster_rows);
      csv_ << one.name << ',' << weights.rows() << ',' << weights.cols() << ',' << one.n << ',' << weights.nnz() << ','
           << layout_name(settings_.layout) << ',' << to_string(s.form) << ',' << s.tile_rows << ','
           << s.panels_per_pass << ',' << s.k_block << ',' << s.n_block << ',' << s.cluster_rows << ',' << s.prefetch_y
           << ',' << s.direct_x << ',' << s.tile_group << ',' << s.inner_panels << ',' << s.window_step << ','
           << s.prefetch_code << ',' << to_string(s.images) << ',' << s.lanes << ',' << tiling.tiles.size() << ','
           << tiling.x_loads << ',' << row.kernel.report().code_bytes << ',' << row.predicted_ns << ',' << row.ns
           << '\n';
    }
    csv_.flush();
  }

  Settings settings_;
  std::ofstream csv_;
  double log_model_ = 0, log_tuned_ = 0, log_calibrated_ = 0;
  int cases_ = 0;
};

int fail(const std::string& message) {
  std::cerr << "sparsmith_plan_quality: " << message << '\n';
  return 1;
}

}  // namespace
}  // namespace sparsmith::bench

int main(int argc, char** argv) {
  using namespace sparsmith::bench;
  Settings settings;
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--cold") {
      static CacheEvictor evictor;
      if (!evictor.unsuitable().empty()) return fail("--cold isn't possible here: " + evictor.unsuitable());
      settings.cold = &evictor;
      continue;
    }
    const bool takes_value = option.starts_with("--");
    if (!takes_value) {
      settings.lists.push_back(option);
      continue;
    }
    if (i + 1 >= argc) return fail(option + " needs a value");
    const std::string value = argv[++i];
    if (option == "--layout" && layout_of(value)) {
      settings.layout = *layout_of(value);
    } else if (option == "--target") {
      settings.target = value;
    } else if (option == "--budget" && std::atof(value.c_str()) > 0) {
      settings.budget_ms = std::atof(value.c_str());
    } else if (option == "--machine") {
      const auto isa = sparsmith::Target::parse(settings.target);
      if (!isa) return fail(isa.error().message);
      settings.machine = sparsmith::Cache({.directory = value, .warn = {}}).machine_costs(isa->isa());
      if (settings.machine == nullptr) return fail(value + " holds no costs of this machine");
    } else if (option == "--csv") {
      settings.csv = value;
    } else {
      return fail("don't know " + option + " " + value);
    }
  }
  if (settings.lists.empty()) return fail("no case list given (bench/cases/*.txt)");
  const PinnedThread pin;
  Quality quality(settings);
  for (const std::string& list : settings.lists) {
    auto cases = read_cases(list);
    if (!cases) return fail(cases.error().message);
    for (const Case& one : *cases) {
      if (auto done = quality.run(one); !done) return fail(one.path + ": " + done.error().message);
    }
  }
  quality.report();
  return 0;
}

#include "compiler/tune.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <random>
#include <span>
#include <utility>

#include "compiler/clock.h"
#include "compiler/evict.h"
#include "plan/candidates.h"
#include "plan/cost_model.h"
#include "plan/few_columns.h"
#include "runtime/kernel_impl.h"
#include "sparsmith/image_layout.h"
#include "sparsmith/panel.h"

namespace sparsmith {
namespace {

/// CallOperands of one call, in the problem's layouts, on ordinary values.
class CallOperands {
 public:
  CallOperands(const Plan& plan, const Problem& problem, int64_t n) {
    int64_t x_floats = panel_floats(plan.k, n), y_floats = panel_floats(problem.y_pitch(plan.m), n);
    if (problem.conv) {
      const Conv2d& conv = *problem.conv;
      const int64_t channels = conv.channels(plan.k);
      args_.batch = std::max<int64_t>(1, n / (conv.out_height() * conv.out_width()));
      x_floats = std::max(x_floats, args_.batch * channels * conv.height * conv.width);
      if (problem.spatial()) {
        x_floats = args_.batch * image_floats_x(problem.x_layout, conv, channels);
        y_floats = args_.batch * image_floats_y(problem.y_layout, conv, problem.y_pitch(plan.m));
      }
    }
    x_.resize(static_cast<size_t>(x_floats) + 16);
    y_.resize(static_cast<size_t>(y_floats) + 16);
    std::minstd_rand random(1);
    for (float& v : x_) v = static_cast<float>(random() % 1024) / 512.0f - 1.0f;
    if (problem.epilogue.residual != Residual::none) residual_.resize(y_.size());
    args_.x = aligned(x_);
    args_.y = aligned(y_);
    args_.residual = residual_.empty() ? nullptr : aligned(residual_);
    args_.n = n;
  }
  const RunArgs& args() const { return args_; }
  std::span<const float> x() const { return x_; }
  std::span<const float> y() const { return y_; }
  std::span<const float> residual() const { return residual_; }

 private:
  static float* aligned(std::vector<float>& buffer) {
    const auto address = reinterpret_cast<uintptr_t>(buffer.data());
    return buffer.data() + (64 - address % 64) % 64 / sizeof(float);
  }
  std::vector<float> x_, y_, residual_;
  RunArgs args_;
};

struct Contender {
  size_t candidate;
  Kernel kernel;
  double best_ns = 0;
  bool far_behind = false;  ///< after one call
};

/// Whether schedules differ only in the order in which code is called and when it is prefetched.
bool same_code(Schedule a, const Schedule& b) {
  a.n_block = b.n_block, a.tile_group = b.tile_group, a.inner_panels = b.inner_panels;
  a.prefetch_code = b.prefetch_code;
  return a == b;
}

/// Kernels of several schedules; those with the same code share its emission, which for large layers is most of
/// the time there is.
class ContenderBuilder {
 public:
  ContenderBuilder(const Plan& plan, const Weights& weights, const Problem& problem, const LayerParams& params,
                   const Target& target)
      : plan_(plan), weights_(weights), problem_(problem), params_(params), target_(target) {}

  Result<Kernel> build(const Schedule& schedule) {
    const auto known = std::find_if(images_.begin(), images_.end(),
                                    [&](const KernelImage& image) { return same_code(image.plan.chosen, schedule); });
    if (known == images_.end()) {
      Plan trial;
      trial.m = plan_.m, trial.k = plan_.k, trial.nnz = plan_.nnz, trial.n = plan_.n, trial.target = plan_.target;
      trial.chosen = schedule;
      auto made = build_image(weights_.pattern(), problem_, trial, target_, "tuning");
      if (!made) return made.error();
      images_.push_back(std::move(made).value());
      return link(images_.back());
    }
    KernelImage image = *known;
    image.plan.chosen = schedule;
    return link(std::move(image));
  }

  /// A kernel of all that is planned.
  Result<Kernel> build_all() const {
    auto made = build_image(weights_.pattern(), problem_, plan_, target_, "tuning");
    if (!made) return made.error();
    return link(std::move(made).value());
  }

 private:
  Result<Kernel> link(KernelImage image) const {
    auto code = load_code(std::move(image));
    if (!code) return code.error();
    return make_kernel(std::move(code).value(), problem_, weights_, params_, {});
  }

  const Plan& plan_;
  const Weights& weights_;
  const Problem& problem_;
  const LayerParams& params_;
  const Target& target_;
  std::vector<KernelImage> images_;
};

/// Nanoseconds of a call, over several.
Result<double> time_call(const Contender& contender, const RunArgs& args, int calls) {
  const auto begin = Clock::now();
  for (int call = 0; call < calls; ++call) {
    if (Status ran = contender.kernel.run(args); !ran) return ran.error();
  }
  return elapsed_ns(begin) / calls;
}

/// The candidates worth measuring: by prediction, the few best of each form and layout of images, and first the best of
/// each, which even a small budget must compare.
struct Shortlist {
  std::vector<size_t> candidates;
  size_t least = 0;  ///< so many of them are measured whatever it takes
};
Shortlist shortlist(const Plan& plan) {
  // By form; behind them sparse schedules with groups of tiles, which predictions tell apart from the others worst.
  constexpr size_t kMost[] = {8, 2, 4, 4, 4, 3};
  constexpr size_t kGrouped = std::size(kMost) - 1;
  constexpr size_t kMostOfFurtherLayout = 3;
  constexpr double kHopeless = 3, kHopelessLayout = 1.5;
  std::vector<size_t> chosen;
  size_t counts[std::size(kMost)][kImageLayouts] = {};
  const auto kind_of = [&](const Candidate& candidate) {
    const bool grouped = candidate.schedule.form == Form::sparse && candidate.schedule.tile_group > 0;
    return std::pair(grouped ? kGrouped : static_cast<size_t>(candidate.schedule.form),
                     static_cast<size_t>(candidate.schedule.images));
  };
  for (size_t i = 0; i < plan.candidates.size(); ++i) {
    const Candidate& candidate = plan.candidates[i];
    const auto [form, layout] = kind_of(candidate);
    const bool first_of_form =
        form != kGrouped && std::ranges::all_of(counts[form], [](size_t count) { return count == 0; });
    const bool further = candidate.schedule.images != plan.candidates.front().schedule.images;
    const double hopeless = further ? kHopelessLayout : kHopeless;
    size_t& count = counts[form][layout];
    const size_t most = further ? std::min(kMostOfFurtherLayout, kMost[form]) : kMost[form];
    if (first_of_form || (count < most && candidate.predicted_ns <= hopeless * plan.candidates.front().predicted_ns)) {
      chosen.push_back(i);
      ++count;
    }
  }
  // Behind each that brings new code, those that come cheap with it.
  std::vector<size_t> order;
  for (const size_t i : chosen) {
    if (std::find(order.begin(), order.end(), i) != order.end()) continue;
    for (const size_t j : chosen) {
      if (same_code(plan.candidates[i].schedule, plan.candidates[j].schedule)) order.push_back(j);
    }
  }
  // The first of each first.
  bool seen[std::size(kMost)][kImageLayouts] = {};
  size_t least = 0;
  std::ranges::stable_partition(order, [&](size_t i) {
    const auto [form, layout] = kind_of(plan.candidates[i]);
    const bool is_first = !std::exchange(seen[form][layout], true);
    least += is_first ? 1 : 0;
    return is_first;
  });
  return {std::move(order), least};
}

/// Measures the code for few columns that is planned, where it may be called with few, against the chosen one.
Status tune_few_columns(Plan& plan, const Problem& problem, ContenderBuilder& builder) {
  constexpr int64_t kColumns = 4;
  constexpr int kRounds = 10;
  struct Timed {
    Kernel kernel;
    CallOperands operands;
    double* ns;
  };
  FewTimes times;
  std::optional<Schedule> vector, narrow;
  std::vector<Timed> timed;
  const auto add = [&](const Schedule& schedule, int64_t n, double& ns) -> Status {
    auto kernel = builder.build(schedule);
    if (!kernel) return kernel.error();
    timed.push_back({std::move(*kernel), CallOperands(plan, problem, n), &ns});
    return success();
  };
  double several = 0;
  for (const FewColumns& few : plan.few) {
    if (few.schedule.form == Form::vector) {
      vector = few.schedule;
      if (Status added = add(*vector, 1, times.vector_one); !added) return added;
      if (Status added = add(*vector, kColumns, several); !added) return added;
    } else {
      narrow = few.schedule;
      if (Status added = add(*narrow, kMostNarrowColumns, times.narrow); !added) return added;
    }
  }
  if (Status added = add(plan.chosen, kColumns, times.panel); !added) return added;
  for (int round = 0; round < kRounds; ++round) {
    for (Timed& call : timed) {
      // Twice, as in tune.
      for (int i = 0; i < 2; ++i) {
        const auto begin = Clock::now();
        if (Status ran = call.kernel.run(call.operands.args()); !ran) return ran;
        const double ns = elapsed_ns(begin);
        if (*call.ns == 0 || ns < *call.ns) *call.ns = ns;
      }
    }
  }
  const bool own_pass = plan.chosen.panels_per_pass > 1 && problem.y_layout == Layout::plain;
  times.vector_more = std::max((several - times.vector_one) / (kColumns - 1), times.vector_one / 4);
  times.next_panel =
      own_pass ? times.panel : plan.candidates.front().measured_ns / static_cast<double>(panel_count(plan.n));
  set_few_columns(plan, problem, times, vector, narrow);
  return success();
}

/// Keeps code for the tail of plan.n columns only if it makes that call faster.
Status tune_tail(Plan& plan, const Problem& problem, ContenderBuilder& builder) {
  const int64_t tail = plan.n % kPanelWidth;
  if (tail == 0 || tail > plan.tail_columns || plan.n < kPanelWidth) return success();
  constexpr int kRounds = 6;
  auto chosen = builder.build(plan.chosen);
  if (!chosen) return chosen.error();
  auto with_tail = builder.build_all();
  if (!with_tail) return with_tail.error();
  const CallOperands operands(plan, problem, plan.n);
  double best[2] = {};
  for (int round = 0; round < kRounds; ++round) {
    for (int i = 0; i < 4; ++i) {  // each twice, as in tune
      const Kernel& kernel = i < 2 ? *chosen : *with_tail;
      const auto begin = Clock::now();
      if (Status ran = kernel.run(operands.args()); !ran) return ran;
      const double ns = elapsed_ns(begin);
      if (best[i / 2] == 0 || ns < best[i / 2]) best[i / 2] = ns;
    }
  }
  if (best[1] >= best[0]) plan.tail_columns = tail - 1;
  return success();
}

}  // namespace

Status tune(Plan& plan, const Weights& weights, const Problem& problem, const LayerParams& params, const Target& target,
            const CompileOptions& options) {
  if (!target.missing_on_host().empty()) return success();
  const auto start = Clock::now();
  const double budget_ns = options.tune_ms * 1e6;
  const MachineModel machine = machine_model(target);
  NetworkEviction evict(options.network_code_bytes, machine.l2_bytes, machine.l3_bytes);
  const CallOperands operands(plan, problem, plan.n);
  ContenderBuilder builder(plan, weights, problem, params, target);
  std::vector<Contender> contenders;
  for (Candidate& candidate : plan.candidates) candidate.note = "not measured: predicted too slow";
  const auto [shortlisted, least] = shortlist(plan);
  for (const size_t index : shortlisted) plan.candidates[index].note = "not measured: no time left";
  // Two thirds of the time for code, the rest for measuring it. A kernel that is predicted far behind, and whose first
  // call is, isn't called again: dense ones of sparse layers, each call of which would cost several of the others'.
  constexpr double kBuildShare = 0.67, kFarBehind = 2;
  double leader = 0;
  for (const size_t index : shortlisted) {
    Candidate& candidate = plan.candidates[index];
    auto kernel = builder.build(candidate.schedule);
    if (!kernel) return kernel.error();
    candidate.code_bytes = kernel->report().code_bytes;
    const auto begin = Clock::now();
    if (Status ran = kernel->run(operands.args()); !ran) return ran;
    const double first_ns = elapsed_ns(begin);
    if (leader == 0 || first_ns < leader) leader = first_ns;
    const bool far_behind =
        first_ns > kFarBehind * leader && candidate.predicted_ns > kFarBehind * plan.candidates.front().predicted_ns;
    candidate.note = far_behind ? "measured once" : "";
    contenders.push_back({index, std::move(kernel).value(), far_behind ? first_ns : 0, far_behind});
    if (elapsed_ns(start) > kBuildShare * budget_ns && contenders.size() >= least) break;
  }

  // Rounds over all contenders, so that a slow moment of the machine meets each of them; the minimum, because
  // everything that disturbs a kernel only adds to it. Contenders that are behind are asked no more, sooner the further
  // they are, which leaves the time to those that are close.
  constexpr int kLeastRounds = 5, kMostRounds = 200;
  constexpr double kBehind = 1.25, kBehindLater = 1.08;
  constexpr int kLater = 8;
  constexpr double kSampleNs = 5e3;  // the clock's own cost and grain are some 30 ns
  for (int round = 0; round < kMostRounds; ++round) {
    if (round >= kLeastRounds && elapsed_ns(start) > budget_ns) break;
    const double behind = round < 2 ? INFINITY : round < kLater ? kBehind : kBehindLater;
    for (Contender& contender : contenders) {
      if (contender.best_ns > behind * leader || (round < 2 && contender.far_behind)) continue;
      // The first call brings code, values and activations back after the other contenders.
      if (evict) {
        evict(contender.kernel, {operands.x(), operands.y(), operands.residual()});
      } else if (auto warm = time_call(contender, operands.args(), 1); !warm) {
        return warm.error();
      }
      const bool several = !evict && contender.best_ns > 0 && contender.best_ns < kSampleNs;
      const auto ns = time_call(contender, operands.args(),
                                several ? static_cast<int>(kSampleNs / std::max(contender.best_ns, 10.0)) + 1 : 1);
      if (!ns) return ns.error();
      if (contender.best_ns == 0 || *ns < contender.best_ns) contender.best_ns = *ns;
      if (leader == 0 || contender.best_ns < leader) leader = contender.best_ns;
    }
  }
  for (const Contender& contender : contenders) {
    plan.candidates[contender.candidate].measured_ns = std::max(contender.best_ns, 1.0);
  }
  choose(plan);
  // The columns of a plain convolution are its own, so that none can be measured with few.
  const bool any_n = !problem.conv || (problem.x_layout == Layout::panel && problem.y_layout == Layout::panel);
  if (plan.chosen.form == Form::vector) plan.few.clear(), plan.tail_columns = 0;
  if (plan.few.empty() || !any_n || problem.n_fixed) return success();
  if (Status few = tune_few_columns(plan, problem, builder); !few) return few;
  return tune_tail(plan, problem, builder);
}

}  // namespace sparsmith

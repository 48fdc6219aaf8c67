#include "compiler/tune.h"

#include <algorithm>
#include <chrono>
#include <random>

#include "plan/candidates.h"
#include "runtime/kernel_impl.h"
#include "sparsmith/strip.h"

namespace sparsmith {
namespace {

using Clock = std::chrono::steady_clock;

double elapsed_ns(Clock::time_point since) {
  return std::chrono::duration<double, std::nano>(Clock::now() - since).count();
}

/// Operands of one call, in the problem's layouts, on ordinary values.
class Operands {
 public:
  Operands(const Plan& plan, const Problem& problem) {
    int64_t x_floats = panel_floats(plan.k, plan.n), y_floats = panel_floats(plan.m, plan.n);
    if (problem.conv) {
      const Conv2d& conv = *problem.conv;
      const int64_t channels = conv.channels(plan.k);
      args_.batch = std::max<int64_t>(1, plan.n / (conv.out_height() * conv.out_width()));
      x_floats = std::max(x_floats, args_.batch * channels * conv.height * conv.width);
      if (problem.spatial()) {
        const StripShape shape = strip_shape(conv);
        x_floats = args_.batch * std::max(channels * conv.height * conv.width, shape.x_floats(channels));
        y_floats = args_.batch * std::max(plan.m * conv.out_height() * conv.out_width(), shape.y_floats(plan.m));
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
    args_.n = plan.n;
  }
  const RunArgs& args() const { return args_; }

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
};

/// The candidates worth measuring: by prediction, the few best of each form, and first the best of either, which even a
/// small budget must compare.
std::vector<size_t> shortlist(const Plan& plan) {
  constexpr size_t kMostSparse = 10, kMostDense = 2;
  constexpr double kHopeless = 3;
  std::vector<size_t> chosen;
  size_t sparse = 0, dense = 0;
  for (size_t i = 0; i < plan.candidates.size(); ++i) {
    const Candidate& candidate = plan.candidates[i];
    size_t& count = candidate.schedule.form == Form::dense ? dense : sparse;
    const bool hopeless = candidate.predicted_ns > kHopeless * plan.candidates.front().predicted_ns;
    if (count < (candidate.schedule.form == Form::dense ? kMostDense : kMostSparse) && (!hopeless || count == 0)) {
      chosen.push_back(i);
      ++count;
    }
  }
  const auto rival = std::find_if(chosen.begin(), chosen.end(), [&](size_t i) {
    return plan.candidates[i].schedule.form != plan.candidates[chosen.front()].schedule.form;
  });
  if (rival != chosen.end()) std::rotate(chosen.begin() + 1, rival, rival + 1);
  return chosen;
}

}  // namespace

Status tune(Plan& plan, const Weights& weights, const Problem& problem, const LayerParams& params, const Target& target,
            double budget_ms) {
  if (!target.missing_on_host().empty()) return success();
  const auto start = Clock::now();
  const Operands operands(plan, problem);
  std::vector<Contender> contenders;
  for (Candidate& candidate : plan.candidates) candidate.note = "not measured: predicted too slow";
  const std::vector<size_t> shortlisted = shortlist(plan);
  for (const size_t index : shortlisted) plan.candidates[index].note = "not measured: no time left";
  for (const size_t index : shortlisted) {
    Plan trial;
    trial.m = plan.m, trial.k = plan.k, trial.nnz = plan.nnz, trial.n = plan.n, trial.target = plan.target;
    trial.chosen = plan.candidates[index].schedule;
    auto image = build_image(weights.pattern(), problem, trial, target, "tuning");
    if (!image) return image.error();
    plan.candidates[index].code_bytes = static_cast<int64_t>(image->code.size());
    auto code = load_code(std::move(image).value());
    if (!code) return code.error();
    auto kernel = make_kernel(std::move(code).value(), problem, weights, params, {});
    if (!kernel) return kernel.error();
    if (Status ran = kernel->run(operands.args()); !ran) return ran;
    plan.candidates[index].note.clear();
    contenders.push_back({index, std::move(kernel).value()});
    if (elapsed_ns(start) > budget_ms * 1e6 && contenders.size() > 1) break;
  }

  // Rounds over all contenders, so that a slow moment of the machine meets each of them; the minimum, because
  // everything that disturbs a warm kernel only adds to it. A contender far behind after two rounds is not asked again.
  constexpr int kLeastRounds = 3, kMostRounds = 200;
  constexpr double kBehind = 1.25;
  double leader = 0;
  for (int round = 0; round < kMostRounds; ++round) {
    if (round >= kLeastRounds && elapsed_ns(start) > budget_ms * 1e6) break;
    for (Contender& contender : contenders) {
      if (round >= 2 && contender.best_ns > kBehind * leader) continue;
      // Twice: the first call brings code, values and activations back after the other contenders.
      for (int call = 0; call < 2; ++call) {
        const auto begin = Clock::now();
        if (Status ran = contender.kernel.run(operands.args()); !ran) return ran;
        const double ns = elapsed_ns(begin);
        if (contender.best_ns == 0 || ns < contender.best_ns) contender.best_ns = ns;
      }
      if (leader == 0 || contender.best_ns < leader) leader = contender.best_ns;
    }
  }
  for (const Contender& contender : contenders) {
    plan.candidates[contender.candidate].measured_ns = std::max(contender.best_ns, 1.0);
  }
  choose(plan);
  return success();
}

}  // namespace sparsmith

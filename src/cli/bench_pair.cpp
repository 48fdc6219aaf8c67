#include "cli/bench_pair.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>

#include "bench/measure.h"
#include "cli/options.h"
#include "cli/report.h"
#include "kernels/reference.h"

namespace sparsmith::cli {
namespace {

Kernel compile_for_bench(const std::string& file, const Weights& weights, const Problem& problem,
                         const BenchOptions& options) {
  CompileOptions compile_options;
  compile_options.name = layer_name(file);
  compile_options.target = options.target.to_string();
  compile_options.tune = options.tune;
  return take(compile(weights, problem, {}, compile_options));
}

/// The pair in one layout: kernels, and all memory that they work on.
class Pair {
 public:
  Pair(const std::string& first_file, const Weights& first, const std::string& second_file, const Weights& second,
       const BenchProblem& problem, const BenchOptions& options, Layout layout)
      : first_file_(first_file),
        second_file_(second_file),
        second_weights_(second),
        conv_(*problem.conv),
        batch_(problem.batch),
        threads_(options.threads),
        layout_(layout),
        strips_(strip_shape(conv_)),
        operands_(first, problem, {Layout::panel}),
        between_(std::max(problem.batch * strips_.y_floats(first.rows()), first.rows() * problem.n)),
        y_floats_(layout == Layout::panel ? problem.batch * strips_.y_floats(second.rows())
                                          : second.rows() * problem.n),
        y_(y_floats_) {
    Problem spatial = operands_.problem(layout);
    Problem product;
    product.n = problem.batch * strips_.y_positions() * 16;
    product.y_layout = layout;
    spatial.y_layout = product.x_layout = Layout::panel;
    const auto fuse_as = [&](FuseOptions::Way way) {
      return std::make_unique<FusedKernel>(
          take(fuse(compile_for_bench(first_file, first, spatial, options),
                    compile_for_bench(second_file, second, product, options), {.way = way})));
    };
    one_call_ = fuse_as(FuseOptions::Way::automatic);
    always_fused_ = fuse_as(FuseOptions::Way::fused);
    if (layout == Layout::panel) return;
    // Two calls from NCHW to NCHW have NCHW between them too.
    spatial.y_layout = product.x_layout = Layout::plain;
    product.conv = Conv2d{.height = conv_.out_height(), .width = conv_.out_width()};
    product.n = problem.n;
    plain_first_.emplace(compile_for_bench(first_file, first, spatial, options));
    plain_second_.emplace(compile_for_bench(second_file, second, product, options));
  }

  /// The worst error; a Failure when it is too large.
  double verify(const Weights& first_weights) {
    const Reference reference =
        compute_reference(first_weights, operands_.problem(Layout::plain), {}, operands_.args(Layout::plain, 1));
    // The product's reference works on what its own kernels got, so that only its errors count as its own.
    double worst = 0;
    const auto check_first = [&](const Kernel& kernel, const RunArgs& args) {
      between_.fill(std::nanf(""));
      check(kernel.run(args));
      return accept(first_file_, compare(reference, kernel.problem(), args), worst);
    };
    check_first(one_call_->first(), first_args());
    std::vector<float> images(static_cast<size_t>(first_weights.rows() * operands_.args(layout_, 1).n));
    unpack_strips(between_.data(), batch_, first_weights.rows(), conv_, images.data());
    check_calls(
        images, worst, [&] { check(one_call_->run(pair_args())); }, "in one call");
    check_calls(
        images, worst, [&] { check(always_fused_->run(pair_args())); }, "fused");
    if (plain_first_) {
      check_first(*plain_first_, first_args());
      std::copy_n(between_.data(), images.size(), images.begin());
    }
    check_calls(
        images, worst, [&] { run_first(), run_second(); }, "in two calls");
    return worst;
  }

  std::vector<bench::Contender> contenders() {
    return {{"one_call", [this] { (void)one_call_->run(pair_args()); }},
            {"always_fused", [this] { (void)always_fused_->run(pair_args()); }},
            {"two_calls", [this] { run_first(), run_second(); }},
            {"first", [this] { run_first(); }},
            {"second", [this] { run_second(); }}};
  }

  void describe(PairRow& row) const {
    const FusePlan plan = one_call_->plan(batch_, threads_);
    row.layout = layout_;
    row.block_positions = plan.block_positions;
    row.positions = strips_.y_positions();
    row.reason = plan.reason;
    row.target = one_call_->first().target();
  }
  int64_t x_floats() const { return operands_.x_floats(); }

 private:
  RunArgs pair_args() const {
    RunArgs args = operands_.args(layout_, threads_);
    args.y = y_.data();
    return args;
  }
  RunArgs first_args() const {
    RunArgs args = pair_args();
    args.y = between_.data();
    return args;
  }
  void run_first() const { (void)(plain_first_ ? *plain_first_ : one_call_->first()).run(first_args()); }
  void run_second() const {
    RunArgs args = pair_args();
    args.x = between_.data();
    args.n = batch_ * strips_.y_positions() * 16;
    (void)(plain_second_ ? *plain_second_ : one_call_->pointwise()).run(args);
  }

  void accept(const std::string& what, const Deviation& deviation, double& worst) const {
    worst = std::max(worst, deviation.max_relative);
    if (!deviation.ok()) throw Failure{internal_error(what + ": the result is wrong, " + deviation.describe())};
  }

  template <class Run>
  void check_calls(const std::vector<float>& images, double& worst, const Run& run, const char* how) {
    Problem pointwise;
    pointwise.conv = Conv2d{.height = conv_.out_height(), .width = conv_.out_width()};
    const RunArgs plain{.x = images.data(), .y = y_.data(), .batch = batch_};
    const Reference reference = compute_reference(second_weights_, pointwise, {}, plain);
    y_.fill(std::nanf(""));
    run();
    Problem spatial = operands_.problem(layout_);
    accept(first_file_ + " then " + second_file_ + " " + how, compare(reference, spatial, pair_args()), worst);
  }

  const std::string &first_file_, &second_file_;
  const Weights& second_weights_;
  const Conv2d conv_;
  const int64_t batch_;
  const int threads_;
  const Layout layout_;
  const StripShape strips_;
  const BenchOperands operands_;
  AlignedFloats between_;
  const int64_t y_floats_;
  AlignedFloats y_;
  std::unique_ptr<FusedKernel> one_call_, always_fused_;
  std::optional<Kernel> plain_first_, plain_second_;
};

}  // namespace

std::vector<PairRow> bench_pair(const std::string& first_file, const Weights& first, const std::string& second_file,
                                const Weights& second, const BenchProblem& problem, const BenchOptions& options,
                                double& peak, const Progress& progress) {
  if (!problem.conv || problem.conv->pointwise()) {
    fail("--then " + second_file + ": " + first_file + " is a product or a 1x1 convolution as --conv describes it",
         "only a spatial convolution (a larger kernel, groups or pads) is joined with the 1x1 behind it");
  }
  progress("compiling and verifying");
  std::vector<std::unique_ptr<Pair>> pairs;
  std::vector<double> errors;
  std::vector<bench::Contender> contenders;
  for (const Layout layout : {Layout::panel, Layout::plain}) {
    pairs.push_back(std::make_unique<Pair>(first_file, first, second_file, second, problem, options, layout));
    errors.push_back(pairs.back()->verify(first));
    for (bench::Contender& contender : pairs.back()->contenders()) contenders.push_back(std::move(contender));
  }
  progress("timing " + std::to_string(contenders.size()) + " contenders");
  bench::MeasureOptions measure_options;
  measure_options.budget_ms = options.budget_ms;
  // Each contender works on memory of its own: a sample has to be long enough to bring it into the caches itself.
  measure_options.sample_us = 1000;
  std::unique_ptr<bench::PinnedThread> pin;
  if (options.threads == 1) pin = std::make_unique<bench::PinnedThread>();
  peak = std::max(peak, options.peak_gflops());
  const std::vector<bench::Timing> times = bench::measure(contenders, measure_options);
  peak = std::max(peak, options.peak_gflops());

  std::vector<PairRow> rows;
  for (size_t i = 0; i < pairs.size(); ++i) {
    PairRow row;
    row.first_file = first_file;
    row.second_file = second_file;
    row.m = second.rows();
    row.between = first.rows();
    row.k = first.cols();
    row.first_nnz = first.nnz();
    row.second_nnz = second.nnz();
    row.n = problem.n;
    row.conv = *problem.conv;
    row.batch = problem.batch;
    row.threads = options.threads;
    pairs[i]->describe(row);
    const size_t own = i * times.size() / pairs.size();
    row.one_call = times[own];
    row.always_fused = times[own + 1];
    row.two_calls = times[own + 2];
    row.first = times[own + 3];
    row.second = times[own + 4];
    row.max_rel_error = errors[i];
    row.fma_peak_gflops = peak * options.threads;
    if (options.threads == 1)
      row.roofline_ns =
          bench::roofline(2 * row.nnz() * row.n, pairs[i]->x_floats() + row.nnz(), row.m * row.n, peak).bound_ns();
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace sparsmith::cli

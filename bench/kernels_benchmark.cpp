// sparsmith_benchmark: Sparsmith's kernels and every peer on the same cases, in Google Benchmark.
// Products only: case lists with convolutions are for `sparsmith bench`.
//   sparsmith_benchmark [--cases=FILE]... [--peers=all|none|a,b] [--tune] [Google Benchmark's own options]
// Every contender is verified against a product in double before it is timed. `sparsmith bench` interleaves the
// contenders and so gives better ratios; this program gives Google Benchmark's filters, repetitions and output formats.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "bench/cases.h"
#include "bench/check.h"
#include "bench/compile_benchmark.h"
#include "bench/measure.h"
#include "bench/peers/registry.h"
#include "sparsmith/sparsmith.h"

namespace sparsmith::bench {
namespace {

class Buffer {
 public:
  explicit Buffer(int64_t count) : size_(static_cast<size_t>(count)) {
    data_.reset(static_cast<float*>(std::aligned_alloc(64, (size_ * sizeof(float) + 127) / 64 * 64)));
    if (!data_) std::abort();
    fill(0);
  }
  void fill(float value) { std::fill_n(data_.get(), size_, value); }
  float* data() const { return data_.get(); }

 private:
  struct Free {
    void operator()(float* p) const { std::free(p); }
  };
  size_t size_;
  std::unique_ptr<float, Free> data_;
};

/// A case's operands. Benchmarks of a case run one after the other, so only the last one loaded is kept.
struct Operands {
  Operands(Weights loaded, int64_t columns)
      : weights(std::move(loaded)),
        n(columns),
        dense(weights.to_dense()),
        x(weights.cols() * n),
        y(weights.rows() * n),
        x_panels(panel_floats(weights.cols(), n)),
        y_panels(panel_floats(weights.rows(), n)) {
    std::mt19937_64 random(1);
    std::normal_distribution<float> normal;
    std::generate_n(x.data(), weights.cols() * n, [&] { return normal(random); });
    pack(x.data(), weights.cols(), n, n, x_panels.data());
    const Pattern& pattern = weights.pattern();
    expected =
        expected_product(weights.rows(), n, pattern.row_offsets(), pattern.columns(), weights.values(), x.data());
  }
  /// Empty when y is right.
  std::string wrong() const {
    const double error = max_relative_error(expected, y.data());
    const double tolerance = fp32_tolerance(weights.cols());
    if (error <= tolerance) return {};
    return "wrong result: relative error " + std::to_string(error) + ", allowed " + std::to_string(tolerance);
  }
  void report(benchmark::State& state) const {
    const double flops = 2.0 * static_cast<double>(weights.nnz()) * static_cast<double>(n);
    state.counters["FLOP"] =
        benchmark::Counter(flops, benchmark::Counter::kIsIterationInvariantRate, benchmark::Counter::kIs1000);
  }

  Weights weights;
  int64_t n;
  std::vector<float> dense;
  Buffer x, y, x_panels, y_panels;
  Expected expected;
};

/// Null, with the error reported to `state`, when the file can't be read.
Operands* load(const Case& c, benchmark::State& state) {
  static std::unique_ptr<Operands> current;
  static std::string name;
  const std::string wanted = c.path + " " + std::to_string(c.n);
  if (!current || name != wanted) {
    current.reset();
    auto weights = load_weights(c.path);
    if (!weights) {
      state.SkipWithError(weights.error().message.c_str());
      return nullptr;
    }
    current = std::make_unique<Operands>(std::move(weights).value(), c.n);
    name = wanted;
  }
  return current.get();
}

void run_sparsmith(benchmark::State& state, const Case& c, Layout layout, bool tune, bool dense) {
  Operands* operands = load(c, state);
  if (!operands) return;
  Problem problem;
  problem.n = c.n;
  problem.x_layout = problem.y_layout = layout;
  CompileOptions options;
  options.name = c.name;
  options.tune = tune;
  Schedule dense_schedule;
  dense_schedule.form = Form::dense;
  auto kernel = compile(operands->weights, problem, {}, options);
  if (kernel && dense) {
    // The dense candidate that the plan considered.
    for (const Candidate& candidate : kernel->plan().candidates) {
      if (candidate.schedule.form != Form::dense) continue;
      dense_schedule = candidate.schedule;
      break;
    }
    options.schedule = &dense_schedule;
    kernel = compile(operands->weights, problem, {}, options);
  }
  if (!kernel) {
    state.SkipWithError(kernel.error().message.c_str());
    return;
  }
  const bool panels = layout == Layout::panel;
  RunArgs args;
  args.x = panels ? operands->x_panels.data() : operands->x.data();
  args.y = panels ? operands->y_panels.data() : operands->y.data();
  args.n = c.n;
  operands->y.fill(std::numeric_limits<float>::quiet_NaN());
  operands->y_panels.fill(std::numeric_limits<float>::quiet_NaN());
  const Status status = kernel->run(args);
  if (status && panels) unpack(operands->y_panels.data(), operands->weights.rows(), c.n, operands->y.data(), c.n);
  const std::string wrong = status ? operands->wrong() : status.error().message;
  if (!wrong.empty()) {
    state.SkipWithError(wrong.c_str());
    return;
  }
  const PinnedThread pin;
  for (auto _ : state) benchmark::DoNotOptimize(kernel->run(args).ok());
  operands->report(state);
  state.SetLabel(kernel->plan().chosen.describe());
}

void run_peer(benchmark::State& state, const Case& c, const Peer& peer) {
  Operands* operands = load(c, state);
  if (!operands) return;
  const Weights& weights = operands->weights;
  const SparsmithPeerProblem problem{weights.rows(),
                                     weights.cols(),
                                     c.n,
                                     weights.nnz(),
                                     weights.pattern().row_offsets().data(),
                                     weights.pattern().columns().data(),
                                     weights.values().data(),
                                     operands->dense.data(),
                                     operands->x.data(),
                                     operands->y.data(),
                                     1,
                                     nullptr};
  const PinnedThread pin;
  std::string reason;
  auto run = PeerRun::prepare(peer, problem, reason);
  if (!run) {
    state.SkipWithError(reason.c_str());
    return;
  }
  operands->y.fill(std::numeric_limits<float>::quiet_NaN());
  run->run();
  run->finish();
  const std::string wrong = operands->wrong();
  if (!wrong.empty()) {
    state.SkipWithError(wrong.c_str());
    return;
  }
  for (auto _ : state) run->run();
  operands->report(state);
}

void register_case(const Case& c, const std::vector<Peer>& peers, bool tune) {
  const std::string suffix = "/" + c.name + "/n:" + std::to_string(c.n);
  const auto add = [&](const std::string& name, auto&& body) {
    benchmark::RegisterBenchmark((name + suffix).c_str(), body)->Unit(benchmark::kMicrosecond)->UseRealTime();
  };
  for (const Layout layout : {Layout::panel, Layout::plain}) {
    const std::string in = layout == Layout::panel ? "_panel" : "_plain";
    add("sparsmith" + in, [=](benchmark::State& state) { run_sparsmith(state, c, layout, tune, false); });
    add("own_dense" + in, [=](benchmark::State& state) { run_sparsmith(state, c, layout, tune, true); });
  }
  for (const Peer& peer : peers) {
    if (!(peer.table->operations & SPARSMITH_PEER_PRODUCT)) continue;
    add(peer.name, [=](benchmark::State& state) { run_peer(state, c, peer); });
  }
}

/// The value of `--name=value`, taken out of argv; whether it was there.
bool take_option(int& argc, char** argv, std::string_view prefix, std::string& value) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument.substr(0, prefix.size()) != prefix) continue;
    value = argument.substr(prefix.size());
    std::rotate(argv + i, argv + i + 1, argv + argc);
    --argc;
    return true;
  }
  return false;
}

int run_all(int argc, char** argv) {
  std::string value, peer_list = "all";
  std::vector<std::string> files;
  while (take_option(argc, argv, "--cases=", value)) files.push_back(value);
  take_option(argc, argv, "--peers=", peer_list);
  const bool tune = take_option(argc, argv, "--tune", value);
  if (files.empty()) files.emplace_back(SPARSMITH_CASES "/rn50_group3_n192_90.txt");

  std::vector<std::string> missing;
  const std::vector<Peer> peers = select(discover(), peer_list, missing);
  for (const std::string& sentence : missing) std::fprintf(stderr, "absent peer %s\n", sentence.c_str());
  std::vector<Case> all;
  for (const std::string& file : files) {
    const auto cases = read_cases(file);
    if (!cases) {
      std::fprintf(stderr, "%s\n%s\n", cases.error().message.c_str(), cases.error().hint.c_str());
      return 1;
    }
    all.insert(all.end(), cases->begin(), cases->end());
  }
  for (const Case& c : all) register_case(c, peers, tune);
  for (const Case& c : all) register_compile(c);

  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::AddCustomContext("cpu", cpu_name());
  benchmark::AddCustomContext("FMA peak, GFLOP/s a core", std::to_string(fma_peak_gflops(100)));
  benchmark::AddCustomContext("sparsmith", version());
  benchmark::AddCustomContext("emits with", compiler_version());
  for (const Peer& peer : peers) benchmark::AddCustomContext(peer.name, peer.version());
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}

}  // namespace
}  // namespace sparsmith::bench

int main(int argc, char** argv) { return sparsmith::bench::run_all(argc, argv); }

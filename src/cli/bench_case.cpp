#include "cli/bench_case.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <memory>
#include <new>
#include <random>

#include "bench/measure.h"
#include "cli/options.h"
#include "cli/report.h"
#include "kernels/reference.h"

namespace sparsmith::cli {
namespace {

// Cache-line-aligned floats, zeroed.
class Floats {
 public:
  explicit Floats(int64_t count)
      : data_(
            static_cast<float*>(std::aligned_alloc(64, (static_cast<size_t>(count) * sizeof(float) + 127) / 64 * 64))),
        count_(count) {
    if (!data_) throw std::bad_alloc();
    fill(0);
  }
  void fill(float value) { std::fill_n(data_.get(), count_, value); }
  float* data() { return data_.get(); }
  const float* data() const { return data_.get(); }

 private:
  struct Free {
    void operator()(float* p) const { std::free(p); }
  };
  std::unique_ptr<float, Free> data_;
  int64_t count_;
};

// One case's operands: X, and places for results.
struct Operands {
  int64_t m, k, n;
  Floats x, x_panels, y, y_panels;

  Operands(const Weights& weights, int64_t columns)
      : m(weights.rows()),
        k(weights.cols()),
        n(columns),
        x(k * n),
        x_panels(panel_floats(k, n)),
        y(m * n),
        y_panels(panel_floats(m, n)) {
    std::mt19937 random(1);
    std::uniform_real_distribution<float> uniform(-1, 1);
    std::generate_n(x.data(), k * n, [&] { return uniform(random); });
    pack(x.data(), k, n, n, x_panels.data());
  }
  // So that an element that a run leaves alone can't pass.
  void poison_results() {
    y.fill(std::nanf(""));
    y_panels.fill(std::nanf(""));
  }
};

RunArgs run_args(Operands& operands, Layout layout, int threads) {
  const bool panels = layout == Layout::panel;
  RunArgs args;
  args.x = panels ? operands.x_panels.data() : operands.x.data();
  args.y = panels ? operands.y_panels.data() : operands.y.data();
  args.n = operands.n;
  args.threads = threads;
  return args;
}

Problem make_problem(int64_t n, Layout layout) {
  Problem problem;
  problem.n = n;
  problem.x_layout = problem.y_layout = layout;
  return problem;
}

Deviation verify(const Kernel& kernel, const Reference& reference, Operands& operands, Layout layout, int threads) {
  operands.poison_results();
  const RunArgs args = run_args(operands, layout, threads);
  check(kernel.run(args));
  return compare(reference, kernel.problem(), args);
}

// The kernels of one layout.
struct Contestants {
  Layout layout;
  double compile_ns = 0;
  double error = 0;
  std::unique_ptr<Kernel> sparsmith;
  std::unique_ptr<Kernel> dense;  ///< null when W is too large for one
};

Contestants compile_layout(const std::string& file, const Weights& weights, const BenchOptions& options,
                           const Reference& reference, Operands& operands, Layout layout) {
  Problem problem = make_problem(operands.n, layout);
  problem.n_fixed = options.fixed_n;
  CompileOptions compile_options;
  compile_options.name = layer_name(file);

  Contestants result{
      .layout = layout, .compile_ns = std::numeric_limits<double>::infinity(), .sparsmith = {}, .dense = {}};
  constexpr int kCompiles = 3;
  for (int i = 0; i < kCompiles; ++i) {
    result.sparsmith = std::make_unique<Kernel>(take(compile(weights, problem, {}, compile_options)));
    result.compile_ns = std::min(result.compile_ns, static_cast<double>(result.sparsmith->report().total_ns));
  }
  if (options.tune) {
    compile_options.tune = true;
    result.sparsmith = std::make_unique<Kernel>(take(compile(weights, problem, {}, compile_options)));
    compile_options.tune = false;
  }
  const Deviation deviation = verify(*result.sparsmith, reference, operands, layout, options.threads);
  result.error = deviation.max_relative;
  if (!deviation.ok())
    throw Failure{internal_error(format("%s at n %lld, %s layout: the kernel's result is wrong, %s", file.c_str(),
                                        static_cast<long long>(operands.n), layout == Layout::panel ? "panel" : "plain",
                                        deviation.describe().c_str()))};

  // The dense schedule that planning thought best.
  const auto& candidates = result.sparsmith->plan().candidates;
  const auto dense = std::ranges::find(candidates, Form::dense, [](const Candidate& c) { return c.schedule.form; });
  if (dense == candidates.end()) return result;
  compile_options.schedule = &dense->schedule;
  compile_options.name += "_dense";
  result.dense = std::make_unique<Kernel>(take(compile(weights, problem, {}, compile_options)));
  return result;
}

std::vector<std::pair<const bench::Peer*, bench::PeerRun>> prepare_peers(const Weights& weights,
                                                                         const Reference& reference, Operands& operands,
                                                                         const std::vector<float>& dense_w,
                                                                         const BenchOptions& options,
                                                                         const Progress& note) {
  SparsmithPeerProblem problem{};
  problem.m = operands.m;
  problem.k = operands.k;
  problem.n = operands.n;
  problem.nnz = weights.nnz();
  problem.row_offsets = weights.pattern().row_offsets().data();
  problem.columns = weights.pattern().columns().data();
  problem.values = weights.values().data();
  problem.dense_w = dense_w.data();
  problem.x = operands.x.data();
  problem.y = operands.y.data();
  problem.threads = options.threads;
  std::vector<std::pair<const bench::Peer*, bench::PeerRun>> ready;
  for (const bench::Peer& peer : options.peers) {
    std::string reason;
    auto run = bench::PeerRun::prepare(peer, problem, reason);
    if (!run) {
      note(peer.name + " is left out: " + reason);
      continue;
    }
    operands.poison_results();
    run->run();
    run->finish();
    // Others may sum with fewer bits than we do, but not to other numbers.
    constexpr double kPeerErrorLimit = 1e-3;
    const Deviation deviation =
        compare(reference, make_problem(operands.n, Layout::plain), run_args(operands, Layout::plain, 1));
    if (!(deviation.worst <= 1 || deviation.max_relative <= kPeerErrorLimit)) {
      note(peer.name + " is left out: its result is wrong, " + deviation.describe());
      continue;
    }
    ready.emplace_back(&peer, std::move(*run));
  }
  return ready;
}

}  // namespace

const PeerTime* BenchRow::best_dense() const {
  const PeerTime* best = nullptr;
  for (const PeerTime& peer : peers)
    if (peer.dense && (!best || peer.ns_min < best->ns_min)) best = &peer;
  return best;
}

std::vector<BenchRow> bench_case(const std::string& file, const Weights& weights, int64_t n,
                                 const BenchOptions& options, double& peak, const Progress& progress,
                                 const Progress& note) {
  progress("reference");
  Operands operands(weights, n);
  const Reference reference =
      compute_reference(weights, make_problem(n, Layout::plain), {}, run_args(operands, Layout::plain, 1));
  progress("compiling and verifying");
  std::vector<Contestants> layouts;
  for (Layout layout : {Layout::panel, Layout::plain})
    layouts.push_back(compile_layout(file, weights, options, reference, operands, layout));
  progress("preparing peers");
  // Peers get W dense as well, so they end where the dense kernel does.
  const bool has_dense = layouts.front().dense != nullptr;
  if (!has_dense)
    note(format("own_dense and all peers are left out: %lld x %lld is too large to be held dense",
                static_cast<long long>(operands.m), static_cast<long long>(operands.k)));
  std::vector<float> dense_w;
  std::vector<std::pair<const bench::Peer*, bench::PeerRun>> peers;
  if (has_dense && !options.peers.empty()) {
    dense_w = weights.to_dense();
    peers = prepare_peers(weights, reference, operands, dense_w, options, note);
  }

  // Everything in one measurement: all see the same moments of a machine that others use as well.
  std::vector<bench::Contender> contenders;
  for (const Contestants& set : layouts) {
    const RunArgs args = run_args(operands, set.layout, options.threads);
    contenders.push_back({"sparsmith", [kernel = set.sparsmith.get(), args] { (void)kernel->run(args); }});
    if (has_dense) contenders.push_back({"own_dense", [kernel = set.dense.get(), args] { (void)kernel->run(args); }});
  }
  contenders.push_back({"pack", [&operands] {
                          pack(operands.x.data(), operands.k, operands.n, operands.n, operands.x_panels.data());
                          unpack(operands.y_panels.data(), operands.m, operands.n, operands.y.data(), operands.n);
                        }});
  const size_t first_peer = contenders.size();
  for (auto& [peer, run] : peers) contenders.push_back({peer->name, [&ready = run] { ready.run(); }});

  progress("timing " + std::to_string(contenders.size()) + " contenders");
  bench::MeasureOptions measure_options;
  measure_options.budget_ms = options.budget_ms;
  std::vector<bench::Timing> times;
  {
    std::unique_ptr<bench::PinnedThread> pin;
    if (options.threads == 1) pin = std::make_unique<bench::PinnedThread>();
    peak = std::max(peak, bench::fma_peak_gflops());
    times = bench::measure(contenders, measure_options);
    peak = std::max(peak, bench::fma_peak_gflops());
  }

  std::vector<BenchRow> rows;
  for (size_t i = 0; i < layouts.size(); ++i) {
    const Contestants& set = layouts[i];
    BenchRow row;
    row.file = file;
    row.m = operands.m;
    row.k = operands.k;
    row.nnz = weights.nnz();
    row.n = n;
    row.threads = options.threads;
    row.layout = set.layout;
    const size_t own = i * (has_dense ? 2 : 1);
    row.ns_min = times[own].ns_min;
    row.ns_median = times[own].ns_median;
    row.pack_ns_median = times[first_peer - 1].ns_median;
    row.compile_ns = set.compile_ns;
    row.code_bytes = set.sparsmith->report().code_bytes;
    row.max_rel_error = set.error;
    row.plan = set.sparsmith->plan().chosen.describe();
    row.target = set.sparsmith->target();
    row.fma_peak_gflops = peak * options.threads;
    if (options.threads == 1) row.roofline_ns = bench::roofline(row.m, row.k, row.nnz, n, peak).bound_ns();
    if (has_dense) row.peers.push_back({"own_dense", true, times[own + 1].ns_min, times[own + 1].ns_median});
    for (size_t j = 0; j < peers.size(); ++j)
      row.peers.push_back({peers[j].first->name, peers[j].first->dense(), times[first_peer + j].ns_min,
                           times[first_peer + j].ns_median});
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace sparsmith::cli

#include "cli/bench_case.h"

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <optional>

#include "bench/measure.h"
#include "cli/options.h"
#include "cli/report.h"
#include "kernels/reference.h"

namespace sparsmith::cli {
namespace {

Deviation verify(const Kernel& kernel, const Reference& reference, BenchOperands& operands, Layout layout,
                 int threads) {
  operands.poison_results();
  const RunArgs args = operands.args(layout, threads);
  check(kernel.run(args));
  return compare(reference, kernel.problem(), args);
}

// The kernels of one layout.
struct Contestants {
  Layout layout;
  double compile_ns = 0;
  double error = 0;
  std::unique_ptr<Kernel> sparsmith;
  std::unique_ptr<Kernel> dense;                                        ///< null when W is too large for one
  std::vector<std::pair<std::string, std::unique_ptr<Kernel>>> images;  ///< as a peer's name, seeing images otherwise
};

bool has_images(Layout layout) { return layout == Layout::plane || layout == Layout::row; }

// The best of each layout of images that wasn't chosen.
void compile_images(const Weights& weights, const Problem& problem, CompileOptions options, const Reference& reference,
                    BenchOperands& operands, int threads, Contestants& result) {
  const Plan& plan = result.sparsmith->plan();
  for (const ImageLayout images : {ImageLayout::strips, ImageLayout::planes, ImageLayout::rows}) {
    const auto best = std::ranges::find(plan.candidates, images, [](const Candidate& c) { return c.schedule.images; });
    if (images == plan.chosen.images || best == plan.candidates.end()) continue;
    options.schedule = &best->schedule;
    auto kernel = std::make_unique<Kernel>(take(compile(weights, problem, {}, options)));
    if (!verify(*kernel, reference, operands, problem.x_layout, threads).ok())
      throw Failure{internal_error("the kernel with images in " + std::string(to_string(images)) + " is wrong")};
    result.images.emplace_back("own_" + std::string(to_string(images)), std::move(kernel));
  }
}

Contestants compile_layout(const std::string& file, const Weights& weights, const BenchOptions& options,
                           const Reference& reference, BenchOperands& operands, Layout layout) {
  Problem problem = operands.problem(layout);
  problem.n_fixed = options.fixed_n;
  CompileOptions compile_options;
  compile_options.name = layer_name(file);
  compile_options.target = options.target.to_string();
  // A network that no cache holds.
  if (options.cold != nullptr) compile_options.network_code_bytes = int64_t{1} << 40;

  Contestants result{.layout = layout,
                     .compile_ns = std::numeric_limits<double>::infinity(),
                     .sparsmith = {},
                     .dense = {},
                     .images = {}};
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
    throw Failure{
        internal_error(format("%s at n %lld, %s layout: the kernel's result is wrong, %s", file.c_str(),
                              static_cast<long long>(problem.n), layout_name(layout), deviation.describe().c_str()))};

  if (problem.spatial() && layout == Layout::plain && std::ranges::any_of(options.layouts, has_images))
    compile_images(weights, problem, compile_options, reference, operands, options.threads, result);

  // The dense schedule that planning thought best.
  const auto& candidates = result.sparsmith->plan().candidates;
  const auto dense = std::ranges::find(candidates, Form::dense, [](const Candidate& c) { return c.schedule.form; });
  if (dense == candidates.end()) return result;
  compile_options.schedule = &dense->schedule;
  compile_options.name += "_dense";
  result.dense = std::make_unique<Kernel>(take(compile(weights, problem, {}, compile_options)));
  return result;
}

// The peers that refused, by reason: many have the same one.
class Refusals {
 public:
  void add(const std::string& peer, const std::string& reason) {
    auto& names = by_reason_[reason];
    names += (names.empty() ? "" : ", ") + peer;
  }
  void tell(const Progress& note) const {
    for (const auto& [reason, names] : by_reason_) note(names + " left out: " + reason);
  }

 private:
  std::map<std::string, std::string> by_reason_;
};

using ReadyPeers = std::vector<std::pair<const bench::Peer*, bench::PeerRun>>;

ReadyPeers prepare_peers(const Reference& reference, BenchOperands& operands, const PeerWeights& weights,
                         const BenchOptions& options, const Progress& note) {
  SparsmithPeerProblem problem = operands.peer_problem();
  weights.add_to(problem);
  problem.threads = options.threads;
  ReadyPeers ready;
  Refusals refusals;
  for (const bench::Peer& peer : options.peers) {
    std::string reason;
    auto run = bench::PeerRun::prepare(peer, problem, reason);
    if (!run) {
      refusals.add(peer.name, reason);
      continue;
    }
    operands.poison_results();
    run->run();
    run->finish();
    // Others may sum with fewer bits than we do, or (Winograd) miss a zero by what neighbours round to, but not come to
    // other numbers.
    constexpr double kPeerErrorLimit = 1e-3, kTransformErrorLimit = 1e-5;
    const Deviation deviation = compare(reference, operands.problem(Layout::plain), operands.args(Layout::plain, 1));
    if (!(deviation.worst <= 1 || deviation.max_relative <= kPeerErrorLimit ||
          deviation.max_of_largest <= kTransformErrorLimit)) {
      refusals.add(peer.name, "its result is wrong, " + deviation.describe());
      continue;
    }
    ready.emplace_back(&peer, std::move(*run));
  }
  refusals.tell(note);
  return ready;
}

}  // namespace

double BenchOptions::peak_gflops(int windows) const {
  return bench::fma_peak_gflops(windows, target.isa() == Isa::avx512 ? 16 : 8);
}

const PeerTime* BenchRow::best_dense() const {
  const PeerTime* best = nullptr;
  for (const PeerTime& peer : peers)
    if (peer.dense && (!best || peer.ns_min < best->ns_min)) best = &peer;
  return best;
}

std::vector<BenchRow> bench_case(const std::string& file, const Weights& weights, const BenchProblem& problem,
                                 const BenchOptions& options, double& peak, const Progress& progress,
                                 const Progress& note) {
  progress("reference");
  const bool spatial = problem.conv && !problem.conv->pointwise();
  std::vector<Layout> layouts_run, packed;
  for (const Layout layout : options.layouts) {
    if (has_images(layout) && !spatial) continue;
    layouts_run.push_back(layout);
    if (layout != Layout::plain) packed.push_back(layout);
  }
  if (std::ranges::find(packed, Layout::panel) == packed.end()) packed.push_back(Layout::panel);
  BenchOperands operands(weights, problem, packed);
  const Reference reference =
      compute_reference(weights, operands.problem(Layout::plain), {}, operands.args(Layout::plain, 1));
  progress("compiling and verifying");
  std::vector<Contestants> layouts;
  for (const Layout layout : layouts_run)
    layouts.push_back(compile_layout(file, weights, options, reference, operands, layout));
  progress("preparing peers");
  // Peers get W dense as well, so they end where the dense kernel does.
  const bool fits_dense = weights.rows() <= kMaxNonzeros / weights.cols();
  if (!fits_dense)
    note(format("own_dense and all peers are left out: %lld x %lld is too large to be held dense",
                static_cast<long long>(weights.rows()), static_cast<long long>(weights.cols())));
  std::optional<PeerWeights> peer_weights;
  ReadyPeers peers;
  if (fits_dense && !options.peers.empty()) {
    peer_weights.emplace(weights, problem);
    peers = prepare_peers(reference, operands, *peer_weights, options, note);
  }

  // Everything in one measurement: all see the same moments of a machine that others use as well.
  std::vector<bench::Contender> contenders;
  std::vector<size_t> first_of_layout;
  for (const Contestants& set : layouts) {
    const RunArgs args = operands.args(set.layout, options.threads);
    first_of_layout.push_back(contenders.size());
    contenders.push_back({"sparsmith", [kernel = set.sparsmith.get(), args] { (void)kernel->run(args); }});
    if (set.dense) contenders.push_back({"own_dense", [kernel = set.dense.get(), args] { (void)kernel->run(args); }});
    for (const auto& [name, other] : set.images)
      contenders.push_back({name, [kernel = other.get(), args] { (void)kernel->run(args); }});
  }
  const size_t first_pack = contenders.size();
  for (const Layout layout : packed) contenders.push_back({"pack", [&operands, layout] { operands.convert(layout); }});
  const size_t first_peer = contenders.size();
  for (auto& [peer, run] : peers) contenders.push_back({peer->name, [&ready = run] { ready.run(); }});

  progress("timing " + std::to_string(contenders.size()) + " contenders");
  bench::MeasureOptions measure_options;
  measure_options.budget_ms = options.budget_ms;
  std::vector<bench::Timing> times;
  {
    std::unique_ptr<bench::PinnedThread> pin;
    if (options.threads == 1) pin = std::make_unique<bench::PinnedThread>();
    peak = std::max(peak, options.peak_gflops());
    times = options.cold != nullptr ? bench::measure_cold(contenders, *options.cold, measure_options)
                                    : bench::measure(contenders, measure_options);
    peak = std::max(peak, options.peak_gflops());
  }

  std::vector<BenchRow> rows;
  for (size_t i = 0; i < layouts.size(); ++i) {
    const Contestants& set = layouts[i];
    BenchRow row;
    row.file = file;
    row.m = weights.rows();
    row.k = weights.cols();
    row.nnz = weights.nnz();
    row.n = problem.n;
    row.conv = problem.conv;
    row.batch = problem.batch;
    row.threads = options.threads;
    row.cold = options.cold != nullptr;
    row.layout = set.layout;
    const size_t own = first_of_layout[i];
    row.ns_min = times[own].ns_min;
    row.ns_median = times[own].ns_median;
    const Layout converted = set.layout == Layout::plain ? Layout::panel : set.layout;
    row.pack_ns_median =
        times[first_pack + static_cast<size_t>(std::ranges::find(packed, converted) - packed.begin())].ns_median;
    row.compile_ns = set.compile_ns;
    row.code_bytes = set.sparsmith->report().code_bytes;
    row.max_rel_error = set.error;
    row.plan = set.sparsmith->plan().chosen.describe();
    row.target = set.sparsmith->target();
    row.fma_peak_gflops = peak * options.threads;
    if (options.threads == 1 && !row.cold) {
      const auto bound = [&](int64_t x_floats, int64_t y_floats) {
        return bench::roofline(2 * row.nnz * row.n, x_floats + row.nnz, y_floats, peak).bound_ns();
      };
      row.roofline_ns = bound(operands.x_floats(), operands.y_floats());
      row.layout_ns = bound(operands.x_floats(set.layout), operands.y_floats(set.layout));
    }
    size_t next = own + 1;
    if (set.dense) {
      row.peers.push_back({"own_dense", true, times[next].ns_min, times[next].ns_median});
      ++next;
    }
    for (const auto& [name, other] : set.images) {
      row.peers.push_back({name, false, times[next].ns_min, times[next].ns_median});
      ++next;
    }
    for (size_t j = 0; j < peers.size(); ++j)
      row.peers.push_back({peers[j].first->name, peers[j].first->dense(), times[first_peer + j].ns_min,
                           times[first_peer + j].ns_median});
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace sparsmith::cli

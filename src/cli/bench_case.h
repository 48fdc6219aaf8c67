/// \file
/// One benchmark case: a weight matrix at one N or as one convolution, verified and then timed beside the dense kernel
/// and the peers.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bench/cold.h"
#include "bench/peers/registry.h"
#include "cli/bench_operands.h"
#include "sparsmith/sparsmith.h"

namespace sparsmith::cli {

struct PeerTime {
  std::string name;
  bool dense = false;
  double ns_min = 0, ns_median = 0;
};

/// What is reported of one file, problem and layout.
struct BenchRow {
  std::string file;
  int64_t m = 0, k = 0, nnz = 0, n = 0;
  std::optional<Conv2d> conv;
  int64_t batch = 1;
  int threads = 1;
  bool cold = false;  ///< every call found its code, weights and activations in no cache
  Layout layout = Layout::panel;
  double ns_min = 0, ns_median = 0;
  /// X packed and Y unpacked: what a caller with plain data pays around a kernel of this layout; of the plain layout,
  /// around one of panels.
  double pack_ns_median = 0;
  double compile_ns = 0;  ///< to callable, no cache, no tuning; the least of some
  int64_t code_bytes = 0;
  double fma_peak_gflops = 0;  ///< of all the threads
  double max_rel_error = 0;    ///< error over the sum of the magnitudes of an element's terms, at worst
  double roofline_ns = 0;      ///< the larger of FMA time and compulsory-traffic time; one thread only, else 0
  double layout_ns = 0;        ///< the same with X and Y as they lie in the layout
  std::string plan;
  std::string target;
  std::vector<PeerTime> peers;

  double gflops_effective() const { return 2 * static_cast<double>(nnz) * static_cast<double>(n) / ns_min; }
  double fraction_of_peak() const { return fma_peak_gflops > 0 ? gflops_effective() / fma_peak_gflops : 0; }
  double roofline_fraction() const { return roofline_ns / ns_min; }
  const PeerTime* best_dense() const;  ///< null when no dense one ran
};

struct BenchOptions {
  int threads = 1;
  bool tune = false;
  bool fixed_n = false;                 ///< kernels made for their N only
  bench::CacheEvictor* cold = nullptr;  ///< evict caches before every call, and plan for that
  Target target;                        ///< of Sparsmith's kernels
  double budget_ms = 60;                ///< timed work of each contender
  std::vector<bench::Peer> peers;
  /// A row for each. Where planes or rows are among them, plain convolutions are also timed with images in each.
  std::vector<Layout> layouts{Layout::panel, Layout::plain};

  /// One core's FMA peak with the target's vectors, as it is now.
  double peak_gflops(int windows = 25) const;
};

/// Called with what is being done, for the progress shown.
using Progress = std::function<void(const std::string& step)>;

/// A row for each layout that the problem has. `peak` is one core's FMA peak so far; raised when measured higher.
/// Failure when Sparsmith's result is wrong; peers that are wrong or refuse are named through `note` and left out.
std::vector<BenchRow> bench_case(const std::string& file, const Weights& weights, const BenchProblem& problem,
                                 const BenchOptions& options, double& peak, const Progress& progress,
                                 const Progress& note);

}  // namespace sparsmith::cli

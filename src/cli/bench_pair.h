/// \file
/// One benchmark case of two layers: a spatial convolution and the 1x1 convolution behind it, verified and then timed
/// in one call (sparsmith/fused.h) and in two.
#pragma once

#include <string>
#include <vector>

#include "cli/bench_case.h"

namespace sparsmith::cli {

/// What is reported of one pair and layout.
struct PairRow {
  std::string first_file, second_file;
  int64_t m = 0, between = 0, k = 0;  ///< rows of the product, its channels (rows of the convolution), its columns
  int64_t first_nnz = 0, second_nnz = 0;
  int64_t n = 0;  ///< output positions of all images
  Conv2d conv;
  int64_t batch = 1;
  int threads = 1;
  Layout layout = Layout::panel;               ///< of X and Y; between the layers activations are in strips
  bench::Timing one_call;                      ///< as FusedKernel does by itself
  bench::Timing always_fused;                  ///< block by block, whatever it decided
  bench::Timing two_calls;                     ///< of kernels in that layout, activations between them included
  bench::Timing first, second;                 ///< those two by themselves
  int64_t block_positions = 0, positions = 0;  ///< of an image; 0: one kernel after the other
  std::string reason;
  double max_rel_error = 0;
  double fma_peak_gflops = 0;  ///< of all the threads
  double roofline_ns = 0;      ///< as BenchRow's; activations between the layers needn't be moved
  std::string target;

  int64_t nnz() const { return first_nnz + second_nnz; }
  double gflops_effective() const { return 2 * static_cast<double>(nnz()) * static_cast<double>(n) / one_call.ns_min; }
  double fraction_of_peak() const { return fma_peak_gflops > 0 ? gflops_effective() / fma_peak_gflops : 0; }
  double over_two_calls() const { return two_calls.ns_min / one_call.ns_min; }
};

/// A row for strips and one for NCHW. Failure when a result is wrong or the layers don't fit each other.
std::vector<PairRow> bench_pair(const std::string& first_file, const Weights& first, const std::string& second_file,
                                const Weights& second, const BenchProblem& problem, const BenchOptions& options,
                                double& peak, const Progress& progress);

}  // namespace sparsmith::cli

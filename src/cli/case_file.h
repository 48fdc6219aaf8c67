/// \file
/// Lists of benchmark cases, so that adding one is adding a line:
///
///     # comment
///     dlmc/rn50/magnitude_pruning/0.9/bottleneck_1_block_group3_1_1.smtx 196
///     conv.npy 1,8,196
///     filter.npy --conv 64,56,56 --kernel 3x3 --pad 1
///     depthwise.npy --conv 64,56,56 --kernel 3x3 --pad 1 --groups 64 --then pointwise.npy
///
/// A convolution is described by the options of `sparsmith bench`.
/// A relative path is looked for beside the list, then below $SPARSMITH_DATA (default ../shared), then below its data/.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/bench_operands.h"
#include "cli/conv_options.h"

namespace sparsmith::cli {

struct BenchCase {
  std::string file;
  int64_t n = 0;     ///< unless a convolution says it
  ConvOptions conv;  ///< empty: a product
  std::string batch = "1";
  std::string then;  ///< weights of the 1x1 convolution behind it; empty: none

  /// "n=196", or the convolution's options as given.
  std::string describe() const;
  /// Checked against the file's weights.
  BenchProblem problem(const Weights& weights) const;
};

/// A Failure names the line that can't be read.
std::vector<BenchCase> read_case_file(const std::string& path);

}  // namespace sparsmith::cli

/// \file
/// Lists of benchmark cases, so that adding one is adding a line:
///
///     # comment
///     dlmc/rn50/magnitude_pruning/0.9/bottleneck_1_block_group3_1_1.smtx 196
///     conv.npy 1,8,196
///
/// A relative path is looked for beside the list, then below $SPARSMITH_DATA (default ../shared), then below its data/.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sparsmith::cli {

struct BenchCase {
  std::string file;
  int64_t n = 0;
};

/// A Failure names the line that can't be read.
std::vector<BenchCase> read_case_file(const std::string& path);

}  // namespace sparsmith::cli

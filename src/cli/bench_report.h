/// \file
/// Benchmark rows as a table for people and as JSON for scripts.
#pragma once

#include <string>
#include <vector>

#include "cli/bench_case.h"
#include "cli/bench_pair.h"

namespace sparsmith::cli {

std::string bench_table(const std::vector<BenchRow>& rows);
std::string pair_table(const std::vector<PairRow>& rows);
std::string bench_json(const std::vector<BenchRow>& rows, const std::vector<PairRow>& pairs);

}  // namespace sparsmith::cli

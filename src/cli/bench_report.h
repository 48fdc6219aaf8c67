/// \file
/// Benchmark rows as a table for people and as JSON for scripts.
#pragma once

#include <string>
#include <vector>

#include "cli/bench_case.h"

namespace sparsmith::cli {

std::string bench_table(const std::vector<BenchRow>& rows);
std::string bench_json(const std::vector<BenchRow>& rows);

}  // namespace sparsmith::cli

/// \file
/// What operations cost on this machine, measured: the constants that plans are predicted from. Without it plans use
/// constants that were measured on one server core.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sparsmith/result.h"
#include "sparsmith/target.h"

namespace sparsmith {

/// Plain data; equal costs give equal plans. Cache::store_machine_costs keeps it, so that compiles with that cache use
/// it; PlanOptions::machine and CompileOptions::machine take it directly.
struct MachineCosts {
  std::string cpu;                                 ///< host_cpu() of the machine it was measured on
  Isa isa = Isa::avx512;                           ///< of the code it was measured with; costs of another are of no use
  std::vector<std::pair<std::string, double>> ns;  ///< nanoseconds by the model's name of the operation, sorted by name
  double error = 0;                                ///< root mean square of the fit's relative errors
  bool operator==(const MachineCosts&) const = default;
};

struct CalibrateOptions {
  double budget_ms = 4000;                         ///< about; at least one measurement of each kind is made
  std::function<void(std::string_view)> progress;  ///< called with what is measured next; may be empty
};

/// Times generated kernels on synthetic patterns, warm and cold, and fits the costs to them; pin the thread first.
/// unsuitable: code for the target doesn't run here.
Result<MachineCosts> calibrate(const Target& target, const CalibrateOptions& options = {});

/// This machine's CPU: its name and model number.
std::string host_cpu();

}  // namespace sparsmith

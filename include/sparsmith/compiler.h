/// \file
/// From weights and a problem to a Kernel.
#pragma once

#include <memory>
#include <string>

#include "sparsmith/cache.h"
#include "sparsmith/calibrate.h"
#include "sparsmith/kernel.h"
#include "sparsmith/plan.h"
#include "sparsmith/problem.h"
#include "sparsmith/result.h"
#include "sparsmith/target.h"
#include "sparsmith/weights.h"

namespace sparsmith {

struct CompileOptions {
  std::string target = "host";         ///< Target::parse text. Code for another machine can be saved, not run.
  bool tune = false;                   ///< measure the best candidates on this machine
  double tune_ms = 50;                 ///< time budget of tuning
  int64_t network_code_bytes = 0;      ///< PlanOptions::network_code_bytes; tuning then measures with cold code too
  bool whole_panels = false;           ///< PlanOptions::whole_panels
  const Schedule* schedule = nullptr;  ///< use exactly this schedule, no planning (not owned)
  std::shared_ptr<Cache> cache;        ///< null: no caching
  /// What operations cost here; null: what `cache` keeps of this machine, else built-in costs.
  std::shared_ptr<const MachineCosts> machine;
  std::string name = "layer";  ///< goes into symbols and messages; [A-Za-z0-9_] kept, others become _
};

/// Plans, emits (or takes from the cache) and links values to code.
/// bad_input: shapes, parameters or epilogue that don't fit; unsuitable: no code can be made for the target.
Result<Kernel> compile(const Weights& weights, const Problem& problem, const LayerParams& params = {},
                       const CompileOptions& options = {});

/// The disassembly of a kernel: address, instruction, and behind each multiply-accumulate its nonzero `W[row, column]`.
Result<std::string> disassemble(const Kernel& kernel);

/// Sparsmith's version, and the LLVM it emits with.
const char* version();
const char* compiler_version();

}  // namespace sparsmith

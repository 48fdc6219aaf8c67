/// \file
/// What a schedule is expected to cost. One thread, warm caches.
///
/// The model adds what one pass over a tile's code costs (multiply-accumulates, loads of X, starting and storing the
/// accumulators) and bounds it from below by the traffic that no schedule avoids. Source of the form: port counts
/// (an FMA with a broadcast operand and a load of X each take a load port) and the measurements of
/// bench/results; of the constants: least squares over those.
#pragma once

#include "plan/tiling.h"
#include "sparsmith/pattern.h"
#include "sparsmith/plan.h"
#include "sparsmith/target.h"

namespace sparsmith {

/// Costs in nanoseconds per 16-float vector on the machine the model was fitted on; only ratios matter to a choice.
struct MachineModel {
  double sparse_fma = 0;       ///< multiply-accumulate with a streamed value
  double dense_fma = 0;        ///< multiply-accumulate of the dense form
  double x_load = 0;           ///< load of a row of X, beside its multiply-accumulates
  double row_start_store = 0;  ///< zeroing and storing one accumulator
  double row_reload = 0;       ///< loading and storing one accumulator between k-blocks
  double pass = 0;             ///< starting a pass of a segment
  double call = 0;             ///< calling a segment
  double l2_line = 0;          ///< 64 bytes of X from L2 rather than L1, per tile that reads them
  double far_line = 0;         ///< 64 bytes from beyond L2
  double code_byte = 0;        ///< a byte of code that was not in L1I
  int64_t l1_bytes = 0, l2_bytes = 0, l1i_bytes = 0;
};
MachineModel machine_model(const Target& target);

/// What of a pattern and tiling the model needs.
struct Work {
  int64_t m = 0, k = 0, nnz = 0, panels = 0;
  int64_t tiles = 0, x_loads = 0;  ///< Tiling::x_loads
};

double predict_ns(const Schedule& schedule, const Work& work, const MachineModel& machine);
/// Bytes of code a schedule makes, from the mean size of its instructions.
int64_t estimate_code_bytes(const Schedule& schedule, const Work& work, Isa isa);

}  // namespace sparsmith

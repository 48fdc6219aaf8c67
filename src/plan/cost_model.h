/// \file
/// What a schedule is expected to cost. One thread, warm caches.
///
/// The cost is a sum: multiply-accumulates, loads of X by where they find it, lines of Y by how they reach memory, and
/// code that is fetched anew. Its form follows the machine (an FMA with a broadcast operand and a load of X each take a
/// load port; beyond L2 a line of Y is read before it is written); its constants are a non-negative least-squares fit
/// to the measured times of all candidates on ResNet-50 and transformer layers, 80 to 98 % sparse
/// (sparsmith_plan_quality --csv, bench/fit_cost_model.py), rounded; what rows couldn't tell apart (row, call,
/// prefetch, pack, x_plain, x_crossing) is set by hand, and so is what images cost (pack_strips, copy, tap_crossing: to
/// ResNet-50's 3x3 layers). A fit to other layers on a busier machine gave other constants:
/// only the choices are claimed.
#pragma once

#include "plan/tiling.h"
#include "sparsmith/pattern.h"
#include "sparsmith/plan.h"
#include "sparsmith/problem.h"
#include "sparsmith/target.h"

namespace sparsmith {

/// Costs in nanoseconds; a vector is one panel row of 16 floats. Only their ratios matter to a choice.
struct MachineModel {
  Isa isa = Isa::avx512;
  double fma = 0;                        ///< multiply-accumulate of a vector with a streamed value
  double dense_fma = 0;                  ///< multiply-accumulate of the dense form
  double dense_load = 0;                 ///< more for each weight or vector of X that it loads
  double fma_narrow = 0;                 ///< one of the sparse form on 8 or 4 lanes
  double x_l1 = 0, x_l2 = 0, x_far = 0;  ///< load of a vector of X from L1, from L2; x_far more from beyond
  double row = 0;                        ///< starting and storing an accumulator
  double reload = 0;                     ///< storing and loading one between k-blocks
  double call = 0;                       ///< calling a segment
  /// A line of Y beyond L2: rows of a tile in order; scattered by clustering within few panels; over many panels.
  double y_ordered = 0, y_scattered = 0, y_scattered_wide = 0;
  double y_prefetched = 0;                  ///< factor on those when lines are prefetched
  double prefetch = 0;                      ///< a prefetch, needed or not
  double x_stream = 0;                      ///< a line of X that comes from beyond L2 once
  double pack = 0;                          ///< packing a vector of a plain X
  double pack_strips = 0;                   ///< transposing a line of strips, in or out
  double copy = 0;                          ///< copying a line of planes or rows, in or out
  double x_plain = 0;                       ///< load of a vector of a plain X, more than of a panel
  double x_crossing = 0;                    ///< and more again when rows don't start on lines
  double code_byte = 0, code_byte_far = 0;  ///< fetched from L2; more from beyond
  double code_prefetch = 0;                 ///< asking for a byte of code or values, needed or not
  double code_byte_memory = 0;              ///< a byte of code that no cache holds
  double data_byte_memory = 0;              ///< a byte of weights that no cache holds
  double tap_crossing = 0;                  ///< load of a vector of planes or rows across lines, more than of one
  /// Vector form: a slot for the first column of a pass and for each further one; a row of Y brought home; a window of
  /// X laid out; a float of a column of X whose rows don't lie side by side; a byte of slots from beyond L2.
  double slot = 0, slot_more = 0, lane_row = 0, window = 0, strided_x = 0, slot_byte_far = 0;
  /// Compact form: a nonzero in a pass; more for each panel, with X in L1; more where X comes from L2; a row in a pass
  /// and block of K; and more for each panel.
  double compact_step = 0, compact_fma = 0, compact_x_l2 = 0, compact_row = 0, compact_row_vector = 0;
  int64_t l1_bytes = 0, l1i_bytes = 0, l2_bytes = 0, l3_bytes = 0;
};

/// The model for a target: cache sizes of this machine where it tells them.
MachineModel machine_model(const Target& target);

/// What of a pattern and tiling the model needs.
struct Work {
  int64_t m = 0, k = 0, nnz = 0, n = 0, panels = 0;
  int64_t tiles = 0, x_loads = 0;  ///< of the Tiling
  /// Lines of X over panels * k: below 1 where taps of a convolution read the same line for several panels.
  double x_share = 1;
  double x_packing = 0, y_packing = 0;  ///< of images: lines' worth of packing X and unpacking Y
  double crossing = 0;                  ///< share of the loads of X that cross a line, as most do in planes and rows
  int64_t network_bytes = 0;            ///< PlanOptions::network_code_bytes
  int64_t slots = 0;                    ///< vector form: of all slices
};

double predict_ns(const Schedule& schedule, const Problem& problem, const Work& work, const MachineModel& machine);

/// What plain operands cost: a plain X in; of images a plain Y out. Part of every prediction.
double packing_ns(const Schedule& schedule, const Problem& problem, const Work& work, const MachineModel& machine);

/// What it costs more when a network's other layers push this one's code and values out between two calls: to L3, or
/// beyond. Part of every prediction.
double network_ns(const Schedule& schedule, const Work& work, const MachineModel& machine);

/// Bytes of packed values, and of the columns beside them in the compact form, that a schedule streams.
int64_t estimate_value_bytes(const Schedule& schedule, const Work& work);

/// Bytes that the multiply-accumulates of a nonzero take in straight-line code.
constexpr int64_t least_straight_bytes(Isa isa) { return isa == Isa::avx512 ? 7 : 17; }
/// Bytes of code a schedule makes, from the mean size of its instructions.
int64_t estimate_code_bytes(const Schedule& schedule, const Work& work, Isa isa);

}  // namespace sparsmith

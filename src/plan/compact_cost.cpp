#include "plan/compact_cost.h"

#include <algorithm>

#include "plan/cache_shares.h"
#include "plan/compact_schedules.h"
#include "plan/layer_matrix.h"
#include "sparsmith/panel.h"

namespace sparsmith {
double predict_compact_ns(const Schedule& schedule, const Problem& problem, const Work& work,
                          const MachineModel& machine) {
  const int64_t depth = schedule.k_block > 0 ? std::min(schedule.k_block, work.k) : work.k;
  const int64_t k_blocks = (work.k + depth - 1) / depth;
  const auto panels = static_cast<double>(work.panels), nnz = static_cast<double>(work.nnz);
  const CompactPasses shape = compact_passes(problem, work.panels, schedule.panels_per_pass);
  const auto passes = static_cast<double>(shape.count);
  // Rows that have nothing in a block are left out of it.
  const auto rows = static_cast<double>(work.m + std::min(work.m * (k_blocks - 1), work.nnz));

  const auto line = static_cast<double>(kPanelWidth * sizeof(float));
  const int64_t taps = problem.conv ? problem.conv->taps() : 1;
  const int64_t block_taps = depth == work.k ? taps : taps_of_block(problem, Form::compact);
  const double block_lines = depth == work.k ? shape.lines : shape.tap_row_lines;
  const double x_block = static_cast<double>(depth / block_taps) * block_lines * line;
  const double all_x = static_cast<double>(work.k / taps) * shape.all_lines;  // lines
  const auto l1 = static_cast<double>(machine.l1_bytes);
  // Taps find lines in L1 that another one brought there.
  const double fresh = std::min(1.0, block_lines * passes / (panels * static_cast<double>(block_taps)));
  const double x_extra = ramp(x_block, 0.5 * l1, 4 * l1) * (x_block > l1 ? 1 : fresh) * machine.compact_x_l2 +
                         miss_share(x_block, machine.l2_bytes) * machine.x_far;

  double ns = passes * nnz * machine.compact_step + panels * nnz * (machine.compact_fma + x_extra);
  ns += passes * rows * machine.compact_row + panels * rows * machine.compact_row_vector;
  ns += passes * static_cast<double>(work.tiles * k_blocks) * machine.call;
  ns += packing_ns(schedule, problem, work, machine);
  // Compulsory traffic of what doesn't stay in L2 from call to call, and streams that don't from pass to pass.
  const double y_lines = static_cast<double>(work.m) * panels;
  const double beyond = miss_share((y_lines + all_x) * line, machine.l2_bytes);
  ns += beyond * (y_lines * machine.y_ordered + all_x * machine.x_stream);
  const double streams = 6 * nnz;
  ns += passes * streams * code_miss_share(streams + x_block, machine.l2_bytes) * machine.code_byte_far;
  return ns + network_ns(schedule, work, machine);
}

}  // namespace sparsmith

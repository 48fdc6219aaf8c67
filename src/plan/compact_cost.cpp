#include "plan/compact_cost.h"

#include <algorithm>

#include "plan/compact_schedules.h"
#include "plan/layer_matrix.h"
#include "sparsmith/panel.h"

namespace sparsmith {
namespace {

double share(double bytes, double none, double all) { return std::clamp((bytes - none) / (all - none), 0.0, 1.0); }

}  // namespace

CompactModel compact_model(Isa isa) {
  CompactModel model;
  model.x_far = 0.70;
  model.y_line = 1.04;
  if (isa == Isa::avx512) {
    model.step = 0.121;
    model.fma = 0.230;
    model.x_l2 = 0.151;
    model.row = 1.18;
    model.row_vector = 0.477;
  } else {
    model.step = 0.093;
    model.fma = 0.324;
    model.x_l2 = 0.162;
    model.row = 1.28;
    model.row_vector = 0.446;
  }
  return model;
}

double predict_compact_ns(const Schedule& schedule, const Problem& problem, const Work& work,
                          const MachineModel& machine, const CompactModel& model) {
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
  const auto l1 = static_cast<double>(machine.l1_bytes), l2 = static_cast<double>(machine.l2_bytes);
  // Taps find lines in L1 that another one brought there.
  const double fresh = std::min(1.0, block_lines * passes / (panels * static_cast<double>(block_taps)));
  const double x_extra = share(x_block, 0.5 * l1, 4 * l1) * (x_block > l1 ? 1 : fresh) * model.x_l2 +
                         share(x_block, 0.75 * l2, 1.25 * l2) * model.x_far;

  double ns = passes * nnz * model.step + panels * nnz * (model.fma + x_extra);
  ns += passes * rows * model.row + panels * rows * model.row_vector;
  ns += passes * static_cast<double>(work.tiles * k_blocks) * machine.call;
  if (problem.x_layout == Layout::plain) ns += all_x * machine.pack;
  // Compulsory traffic of what doesn't stay in L2 from call to call, and streams that don't from pass to pass.
  const double y_lines = static_cast<double>(work.m) * panels;
  const double beyond = share((y_lines + all_x) * line, 0.75 * l2, 1.25 * l2);
  ns += beyond * (y_lines * model.y_line + all_x * machine.x_stream);
  const double streams = 6 * nnz;
  ns += passes * streams * share(streams + x_block, 0.5 * l2, l2) * machine.code_byte_far;
  return ns + network_ns(schedule, work, machine);
}

}  // namespace sparsmith

#include "plan/compact_cost.h"

#include <algorithm>

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
  const auto passes = static_cast<double>((work.panels + schedule.panels_per_pass - 1) / schedule.panels_per_pass);
  // Rows that have nothing in a block are left out of it.
  const auto rows = static_cast<double>(work.m + std::min(work.m * (k_blocks - 1), work.nnz));

  const auto line = static_cast<double>(kPanelWidth * sizeof(float));
  const double x_block = static_cast<double>(depth) * line * panels / passes;
  const auto l1 = static_cast<double>(machine.l1_bytes), l2 = static_cast<double>(machine.l2_bytes);
  const double x_extra =
      share(x_block, 0.5 * l1, 4 * l1) * model.x_l2 + share(x_block, 0.75 * l2, 1.25 * l2) * model.x_far;

  double ns = passes * nnz * model.step + panels * nnz * (model.fma + x_extra);
  ns += passes * rows * model.row + panels * rows * model.row_vector;
  ns += passes * static_cast<double>(work.tiles * k_blocks) * machine.call;
  if (problem.x_layout == Layout::plain) ns += panels * static_cast<double>(work.k) * machine.pack;
  // Compulsory traffic of what doesn't stay in L2 from call to call, and streams that don't from pass to pass.
  const double beyond = share(static_cast<double>(work.m + work.k) * line * panels, 0.75 * l2, 1.25 * l2);
  ns += panels * beyond * (static_cast<double>(work.m) * model.y_line + static_cast<double>(work.k) * machine.x_stream);
  const double streams = 6 * nnz;
  ns += passes * streams * share(streams + x_block, 0.5 * l2, l2) * machine.code_byte_far;
  return ns + network_ns(schedule, work, machine);
}

}  // namespace sparsmith

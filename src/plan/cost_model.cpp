#include "plan/cost_model.h"

#include <algorithm>
#include <cmath>

namespace sparsmith {

MachineModel machine_model(const Target& target) {
  MachineModel model;
  model.l1_bytes = 32 << 10;
  model.l2_bytes = 1 << 20;
  model.l1i_bytes = 32 << 10;
  model.row_start_store = 0.35;
  model.row_reload = 0.45;
  model.pass = 2.0;
  model.call = 8.0;
  model.l2_line = 0.12;
  model.far_line = 1.6;
  model.code_byte = 0.012;
  if (target.isa() == Isa::avx512) {
    model.sparse_fma = 0.175;
    model.dense_fma = 0.155;
    model.x_load = 0.105;
  } else {
    model.sparse_fma = 0.40;
    model.dense_fma = 0.33;
    model.x_load = 0.25;
  }
  return model;
}

namespace {
int64_t blocks(int64_t total, int64_t block) { return block > 0 ? (total + block - 1) / block : 1; }
}  // namespace

double predict_ns(const Schedule& schedule, const Work& work, const MachineModel& machine) {
  const auto panels = static_cast<double>(work.panels), rows = static_cast<double>(work.m);
  const auto k_blocks = static_cast<double>(blocks(work.k, schedule.k_block));
  const auto n_blocks = static_cast<double>(blocks(work.panels, schedule.n_block));
  const auto tiles = static_cast<double>(work.tiles);
  const bool dense = schedule.form == Form::dense;

  const double macs = dense ? rows * static_cast<double>(work.k) : static_cast<double>(work.nnz);
  const double x_loads = dense ? tiles * static_cast<double>(work.k) : static_cast<double>(work.x_loads);
  double ns = panels * (macs * (dense ? machine.dense_fma : machine.sparse_fma) + x_loads * machine.x_load);
  ns += panels * rows * (machine.row_start_store + (k_blocks - 1) * machine.row_reload);
  ns += panels / schedule.panels_per_pass * tiles * k_blocks * machine.pass;
  ns += n_blocks * tiles * k_blocks * machine.call;

  // Where a tile finds X: what all tiles of a block go through between two uses of the same line.
  const double block_panels = schedule.n_block > 0 ? std::min<double>(static_cast<double>(schedule.n_block), panels) : panels;
  const double block_rows = static_cast<double>(schedule.k_block > 0 ? std::min(schedule.k_block, work.k) : work.k);
  const double x_block_bytes = block_rows * 64 * block_panels;
  const double y_block_bytes = rows * 64 * block_panels;
  if (x_block_bytes > 0.75 * static_cast<double>(machine.l1_bytes)) ns += panels * x_loads * machine.l2_line;
  if (x_block_bytes + y_block_bytes > 0.75 * static_cast<double>(machine.l2_bytes)) {
    ns += panels * x_loads * machine.far_line;
  } else {
    ns += panels * static_cast<double>(work.k) * machine.far_line * 0.25;
  }

  // Code that doesn't stay in L1I from one pass to the next is fetched anew each pass; otherwise once per block.
  const double code = static_cast<double>(estimate_code_bytes(schedule, work, Isa::avx512));
  const double segment = code / (tiles * k_blocks);
  const double passes = segment > static_cast<double>(machine.l1i_bytes) ? panels / schedule.panels_per_pass : n_blocks;
  if (!dense) ns += code * passes * machine.code_byte;
  return ns;
}

int64_t estimate_code_bytes(const Schedule& schedule, const Work& work, Isa isa) {
  const int64_t k_blocks = blocks(work.k, schedule.k_block), u = schedule.panels_per_pass;
  const int64_t rows_code = work.m * u * 14 * k_blocks, frame = work.tiles * k_blocks * 96;
  if (schedule.form == Form::dense) return rows_code + frame + work.m * u * 4 * 12;
  const bool wide = isa == Isa::avx512;
  return work.nnz * u * (wide ? 7 : 17) + work.x_loads * u * (wide ? 7 : 18) + rows_code + frame;
}

}  // namespace sparsmith

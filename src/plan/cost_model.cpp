#include "plan/cost_model.h"

#include <algorithm>
#include <cmath>

#include "plan/cache_shares.h"
#include "plan/compact_cost.h"
#include "plan/image_work.h"
#include "plan/slices.h"
#include "sparsmith/caches.h"
#include "sparsmith/panel.h"

namespace sparsmith {
namespace {

int64_t blocks(int64_t total, int64_t block) { return block > 0 ? (total + block - 1) / block : 1; }
int64_t block_size(int64_t total, int64_t block) { return block > 0 ? std::min(total, block) : total; }

}  // namespace

MachineModel machine_model(const Target& target) {
  MachineModel model;
  model.isa = target.isa();
  const CacheSizes& caches = host_caches();
  model.l1_bytes = caches.l1;
  model.l1i_bytes = caches.l1i;
  model.l2_bytes = caches.l2;
  model.l3_bytes = caches.l3;
  model.x_far = 0.70;
  model.row = 0.15;
  model.reload = 0.31;
  model.call = 2.0;
  model.y_ordered = 1.04;
  model.y_scattered = 2.40;
  model.y_scattered_wide = 2.74;
  model.y_prefetched = 0.82;
  model.prefetch = 0.01;
  model.x_stream = 0.80;
  model.pack = 0.9;
  model.pack_strips = 1.9;
  model.copy = 1.5;
  model.tap_crossing = 0.26;
  model.x_plain = 0.05;
  model.x_crossing = 0.2;
  model.code_byte = 0.0035;
  model.code_byte_far = 0.065;
  model.code_prefetch = 0.006;
  model.code_byte_memory = 0.30;
  model.data_byte_memory = 0.047;
  // Set by hand to 256x1024, 1024x256 and 2048x512 at 90 and 95 %, N = 1 to 8.
  model.slot = 0.72;
  model.slot_more = 0.60;
  model.lane_row = 0.50;
  model.window = 0.6;
  model.strided_x = 0.4;
  model.slot_byte_far = 0.03;
  if (target.isa() == Isa::avx512) {
    model.fma = 0.165;
    model.fma_narrow = 0.125;
    model.dense_fma = 0.143;
    model.dense_load = 0.017;
    model.x_l1 = 0.226;
    model.x_l2 = 0.311;
    model.compact_step = 0.121;
    model.compact_fma = 0.230;
    model.compact_x_l2 = 0.151;
    model.compact_row = 1.18;
    model.compact_row_vector = 0.477;
  } else {
    model.fma = 0.226;
    model.fma_narrow = 0.135;
    model.dense_fma = 0.265;
    model.x_l1 = 0.310;
    model.x_l2 = 0.364;
    model.compact_step = 0.093;
    model.compact_fma = 0.324;
    model.compact_x_l2 = 0.162;
    model.compact_row = 1.28;
    model.compact_row_vector = 0.446;
    model.row = 0.33;
    model.reload = 0.62;
    model.slot = 0.52;
    model.slot_more = 0.28;
  }
  return model;
}

double network_ns(const Schedule& schedule, const Work& work, const MachineModel& machine) {
  if (work.network_bytes == 0) return 0;
  const auto network = static_cast<double>(work.network_bytes);
  const auto code = static_cast<double>(estimate_code_bytes(schedule, work, machine.isa));
  const auto values = static_cast<double>(estimate_value_bytes(schedule, work));
  const double from_memory = miss_share(network, machine.l3_bytes);
  const double from_l3 = miss_share(network, machine.l2_bytes) - from_memory;
  // Prefetched code comes as fast as data does, but for what is late: a tenth of it, half where a group's few panels
  // don't take long enough, more where a tile has few altogether. (Eight 1x1 layers of a pose detector and three of
  // ResNet-50, at 7x7, took 1.2 to 1.4 times as long straight-line as compact.)
  constexpr int64_t kFewPanels = 4;
  const double late = work.panels <= kFewPanels ? 0.6 : 0.1;
  const double fetched = code * (!schedule.prefetch_code ? 1 : schedule.tile_group > 0 ? 0.5 : late);
  const double streamed = values + code - fetched;
  return from_l3 * (fetched * machine.code_byte_far + streamed / 64 * machine.x_stream) +
         from_memory * (fetched * machine.code_byte_memory + streamed * machine.data_byte_memory);
}

namespace {

/// A slot's weights; its share of lane numbers with, on AVX-512, its instructions for so many columns. AVX2 has a loop,
/// whose instructions come by the slice.
int64_t slot_weight_bytes(Isa isa) { return isa == Isa::avx512 ? 64 : 32; }
int64_t slot_code_bytes(Isa isa, int64_t columns) { return isa == Isa::avx512 ? 11 + 25 * columns : 8; }
/// Without windows a slot is a line of weights, whose code is a loop.
bool whole_columns(const Schedule& schedule) { return schedule.window_step == 1; }
int64_t whole_code_bytes(const Work& work) { return work.m * 8 + work.tiles * 1024; }
int64_t slice_code_bytes(Isa isa, int64_t columns) { return isa == Isa::avx512 ? 32 : 200 + 240 * columns; }

double predict_vector(const Schedule& schedule, const Problem& problem, const Work& work, const MachineModel& machine) {
  const int64_t most = schedule.panels_per_pass, whole = work.n / most, rest = work.n % most;
  const bool whole_k = whole_columns(schedule);
  const double slot = whole_k ? machine.x_l2 : machine.slot, more = whole_k ? machine.fma : machine.slot_more;
  const auto pass = [&](int64_t columns) {
    const int64_t code = whole_k ? 0 : slot_code_bytes(machine.isa, columns);
    const double bytes = static_cast<double>(work.slots * (slot_weight_bytes(machine.isa) + code));
    return static_cast<double>(work.slots) * (slot + more * static_cast<double>(columns - 1)) +
           bytes * code_miss_share(bytes, machine.l2_bytes) * machine.slot_byte_far +
           static_cast<double>(work.tiles) * machine.call;
  };
  const bool strided = problem.x_layout == Layout::panel || work.n > 1;
  const double column =
      static_cast<double>(work.m) * machine.lane_row +
      static_cast<double>(window_count(work.k, whole_k ? kWindowColumns : schedule.window_step)) * machine.window +
      (strided ? static_cast<double>(work.k) * machine.strided_x : 0);
  return static_cast<double>(whole) * pass(most) + static_cast<double>(rest) * pass(1) +
         static_cast<double>(work.n) * column + network_ns(schedule, work, machine);
}

/// Whether lanes are neighbouring columns of images.
bool neighbours(const Schedule& schedule) { return schedule.images != ImageLayout::strips; }

/// Rows one after the other: products, the row's weights, and lines of X that a pass's panels share. Positions that
/// fill no pass take one each.
double depthwise_ns(const Schedule& schedule, const Problem& problem, const Work& work, const MachineModel& machine) {
  const auto nnz = static_cast<double>(work.nnz), rows = static_cast<double>(work.m);
  const auto pass = [&](int64_t panels) {
    const auto u = static_cast<double>(panels);
    const double lines = nnz * (neighbours(schedule) ? u : work.x_share * u + 1 - work.x_share);
    return u * (nnz * machine.dense_fma + rows * machine.row) + (nnz + lines) * machine.x_l1 +
           lines * work.crossing * machine.tap_crossing + static_cast<double>(work.tiles) * machine.call;
  };
  const ImageWork image = image_work(schedule.images, *problem.conv, work.m);
  if (problem.x_layout == Layout::grid) {
    // Each line of X comes once for each row of positions beside it; the weights for every few positions.
    constexpr double kPositions = 14, kLoads = 2.5;
    const auto positions = static_cast<double>(work.panels);
    return positions * (nnz * machine.dense_fma + rows * machine.row + kLoads * rows * machine.x_l2) +
           positions / kPositions * nnz * machine.x_l1 + static_cast<double>(work.tiles) * machine.call;
  }
  const int64_t u = schedule.panels_per_pass, together = schedule.rows_per_pass(image.run_panels);
  const int64_t runs = image.panels / image.run_panels;
  const int64_t passes = together > 1 ? runs / together : runs * (image.run_panels / u);
  const int64_t single = image.panels - passes * u;
  const double images = static_cast<double>(work.panels) / static_cast<double>(image.panels);
  return images * (static_cast<double>(passes) * pass(u) + static_cast<double>(single) * pass(1)) +
         packing_ns(schedule, problem, work, machine);
}

}  // namespace

double packing_ns(const Schedule& schedule, const Problem& problem, const Work& work, const MachineModel& machine) {
  const bool x = problem.x_layout == Layout::plain && !schedule.direct_x;
  const auto panels = static_cast<double>(work.panels), depth = static_cast<double>(work.k) * work.x_share;
  if (!problem.spatial()) return x ? panels * depth * machine.pack : 0;
  const double lines = (x ? work.x_packing : 0) + (problem.y_layout == Layout::plain ? work.y_packing : 0);
  // More memory, by less than as much again, since plain images have no halo: what doesn't stay in L2 then is read from
  // beyond and written there.
  const double bytes = 64 * panels * (depth + static_cast<double>(work.m));
  const double far = miss_share(1.5 * bytes, machine.l2_bytes);
  return lines *
         ((neighbours(schedule) ? machine.copy : machine.pack_strips) + far * (machine.x_stream + machine.y_ordered));
}

double predict_ns(const Schedule& schedule, const Problem& problem, const Work& work, const MachineModel& machine) {
  if (schedule.form == Form::vector) return predict_vector(schedule, problem, work, machine);
  if (schedule.form == Form::depthwise) return depthwise_ns(schedule, problem, work, machine);
  if (schedule.form == Form::compact) return predict_compact_ns(schedule, problem, work, machine);
  const bool dense = schedule.form == Form::dense;
  const auto panels = static_cast<double>(work.panels), rows = static_cast<double>(work.m);
  const auto depth = static_cast<double>(work.k), tiles = static_cast<double>(work.tiles);
  const auto k_blocks = static_cast<double>(blocks(work.k, schedule.k_block));
  const auto n_blocks = static_cast<double>(blocks(work.panels, schedule.n_block));
  const auto block_panels = static_cast<double>(block_size(work.panels, schedule.n_block));
  const auto block_depth = static_cast<double>(block_size(work.k, schedule.k_block));

  // A group of tiles runs over few panels a call, with its code in L1I and their X in L1.
  const bool grouped = schedule.tile_group > 0;
  const double groups = grouped ? std::ceil(tiles / static_cast<double>(schedule.tile_group)) : tiles;
  const double calls = grouped ? std::ceil(panels / static_cast<double>(schedule.inner_panels)) : n_blocks;

  double ns = panels * rows * (machine.row + (k_blocks - 1) * machine.reload);
  ns += calls * tiles * k_blocks * machine.call;

  // X: what all tiles of a block go through between two uses of a line decides where they find it.
  const double x_block = block_depth * work.x_share * 64 * block_panels, y_block = rows * 64 * block_panels;
  const bool in_l1 = x_block <= 0.75 * static_cast<double>(machine.l1_bytes) && work.tiles > 1;
  const double far = miss_share(x_block + y_block, machine.l2_bytes);
  if (dense) {
    const double pass = schedule.panels_per_pass, of_blocks = n_blocks * std::floor(block_panels / pass);
    const double singles = std::max(0.0, panels - of_blocks * pass);
    ns += panels * rows * depth * machine.dense_fma +
          depth * (of_blocks * (rows + tiles * pass) + singles * (rows + tiles)) * machine.dense_load +
          panels * tiles * depth * (far * machine.x_far + work.crossing * machine.tap_crossing);
    // Weights that L2 doesn't hold arrive late where few columns share them: 1000x1024, N = 1 took 2.3 times the
    // vector form's time. Asked for a tile ahead they don't, but for the first tile's.
    const double weights = 4 * rows * depth, fetched = std::max(weights, static_cast<double>(work.network_bytes));
    const double late = schedule.prefetch_code ? 1 / tiles : 1;
    ns += n_blocks * weights * miss_share(fetched, machine.l2_bytes) * machine.slot_byte_far * late;
    if (schedule.prefetch_code) ns += panels / pass * rows * depth / kPanelWidth * machine.prefetch;
  } else {
    const bool narrow = schedule.lanes < kPanelWidth;
    ns += panels * static_cast<double>(work.nnz) * (narrow ? machine.fma_narrow : machine.fma);
    // Taps find in L1 what another one of them left there, if a pass doesn't go through all of it. In planes and rows
    // the taps of a channel come together: of each row of them only the two lines on which they lie are new.
    const bool pass_in_l1 = block_depth * 64 <= 0.75 * static_cast<double>(machine.l1_bytes);
    const double in_passing = neighbours(schedule) ? std::min(1.0, 2 / static_cast<double>(problem.conv->kernel_w)) : 1;
    double from_l2 = in_l1 ? 0 : pass_in_l1 ? work.x_share : in_passing;
    if (grouped) {
      // A group's values stream through L1 beside its X, panel by panel.
      const double values = 4 * static_cast<double>(work.nnz) / groups / k_blocks;
      const double x = block_depth * work.x_share * 64 * static_cast<double>(schedule.inner_panels);
      from_l2 = code_miss_share(x + values, machine.l1_bytes);
    }
    ns += panels * static_cast<double>(work.x_loads) * work.crossing * machine.tap_crossing;
    ns += panels * static_cast<double>(work.x_loads) * (from_l2 * machine.x_l2 + (1 - from_l2) * machine.x_l1);
    // Lines that L1 doesn't hold for the next tile or group of tiles come again.
    const double again =
        grouped ? std::min(groups * depth, static_cast<double>(work.x_loads)) : static_cast<double>(work.x_loads);
    ns += panels * again * (far * machine.x_far + (grouped ? machine.x_l2 - machine.x_l1 : 0));
  }

  ns += packing_ns(schedule, problem, work, machine);
  if (schedule.direct_x) {
    const bool aligned = work.n % kPanelWidth == 0;
    ns += panels * static_cast<double>(work.x_loads) * (machine.x_plain + (aligned ? 0 : machine.x_crossing));
  }

  // Compulsory traffic of what doesn't stay in L2 from call to call.
  const double beyond = miss_share((rows + depth * work.x_share) * 64 * panels, machine.l2_bytes);
  constexpr double kWide = 256 << 10;
  const double line = !schedule.cluster_rows || dense ? machine.y_ordered
                      : y_block > kWide && !grouped   ? machine.y_scattered_wide
                                                      : machine.y_scattered;
  ns += panels * rows * beyond * line * (schedule.prefetch_y ? machine.y_prefetched : 1);
  ns += schedule.prefetch_y ? panels * rows * machine.prefetch : 0;
  ns += panels * depth * work.x_share * beyond * (1 - far) * machine.x_stream;

  // Code that L1I doesn't hold is fetched for every block of columns; segments beyond it for every pass.
  if (!dense) {
    const auto code = static_cast<double>(estimate_code_bytes(schedule, work, machine.isa));
    const auto l1i = 0.75 * static_cast<double>(machine.l1i_bytes);
    const double misses = code_miss_share(code + 4 * static_cast<double>(work.nnz) + x_block, machine.l2_bytes);
    // A group's code stays in L1I, but not decoded: that costs about as much as fetching it.
    if (code > l1i) ns += code * (grouped ? calls : n_blocks) * machine.code_byte;
    // Prefetching ahead of a tile saves nothing of what comes and goes with every call (launch.h: beyond_l2).
    const double gone = miss_share(code + 4 * static_cast<double>(work.nnz), machine.l2_bytes);
    const double soon = schedule.prefetch_code ? 1 - gone : 0;
    const double first_fetch = soon * machine.x_stream / 64 + (1 - soon) * machine.code_byte_far;
    ns += code * misses * (first_fetch + (n_blocks - 1) * machine.code_byte_far);
    if (schedule.prefetch_code) ns += (code + 4 * static_cast<double>(work.nnz)) * machine.code_prefetch;
    if (code / (tiles * k_blocks) > static_cast<double>(machine.l1i_bytes)) ns += code * panels * machine.code_byte;
  }

  return ns + network_ns(schedule, work, machine);
}

int64_t estimate_value_bytes(const Schedule& schedule, const Work& work) {
  if (schedule.form == Form::vector) return schedule.lanes * int64_t{4} * work.slots;
  if (schedule.form == Form::compact) return 6 * work.nnz + 4 * work.m;
  return 4 * (schedule.form == Form::dense ? work.m * work.k : work.nnz);
}

int64_t estimate_code_bytes(const Schedule& schedule, const Work& work, Isa isa) {
  if (schedule.form == Form::vector) {
    if (whole_columns(schedule)) return whole_code_bytes(work);
    const int64_t columns = schedule.panels_per_pass;
    const auto entry = [&](int64_t u) {
      return work.slots * slot_code_bytes(isa, u) + work.m / schedule.lanes * slice_code_bytes(isa, u);
    };
    return entry(1) + (columns > 1 ? entry(columns) : 0) + work.tiles * 64;
  }
  const int64_t k_blocks = blocks(work.k, schedule.k_block), u = schedule.panels_per_pass;
  const int64_t rows_code = work.m * u * 14 * k_blocks, frame = work.tiles * k_blocks * 96;
  if (schedule.form == Form::dense) return rows_code + frame + work.m * u * 4 * 12;
  if (schedule.form == Form::compact) {
    // Functions for 1 to u panels, of the first, a middle and the last block of K each.
    const int64_t steps = u <= 8 ? 16 : 8, vectors = isa == Isa::avx512 ? 1 : 2;
    const int64_t functions = u * std::min<int64_t>(k_blocks, 3), mean_panels = (u + 1) / 2;
    return functions * (steps * (16 + mean_panels * vectors * 10) + mean_panels * 60 + 240);
  }
  const bool wide = isa == Isa::avx512;
  if (schedule.form == Form::depthwise) {  // mostly a loop over a tile's rows
    return work.tiles * (u + 1) * (work.nnz / work.m + 4) * (wide ? 7 : 20) + frame;
  }
  return work.nnz * u * least_straight_bytes(isa) + work.x_loads * u * (wide ? 7 : 18) + rows_code + frame;
}

}  // namespace sparsmith

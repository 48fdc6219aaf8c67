#include "plan/candidates.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <utility>

#include "pattern/check.h"
#include "pattern/images.h"
#include "pattern/row_order.h"
#include "plan/compact_schedules.h"
#include "plan/cost_model.h"
#include "plan/image_work.h"
#include "plan/layer_matrix.h"
#include "plan/registers.h"
#include "plan/slices.h"
#include "sparsmith/strip.h"

namespace sparsmith {
namespace {

constexpr int64_t kPanelBytes = 64;
/// Bytes of X a block may have to stay in the second-level cache beside Y and code.
constexpr int64_t kL2Share = 768 << 10;

/// Block sizes in panels: all of them, those that keep a block's X within L2, and few, for X in L1 and for lines of Y
/// that are written one after the other.
std::vector<int64_t> n_blocks(int64_t panels, int64_t rows_of_x) {
  std::vector<int64_t> sizes{0};
  for (const int64_t size : {std::max<int64_t>(1, kL2Share / (rows_of_x * kPanelBytes)), int64_t{4}, int64_t{2}}) {
    if (size < panels && std::find(sizes.begin(), sizes.end(), size) == sizes.end()) sizes.push_back(size);
  }
  return sizes;
}

/// Groups of tiles whose code stays in L1I and whose X stays in L1: each line of X then comes from L2 once per group
/// rather than once per tile. Worth it where tiles are small, that is from some 90 % sparsity on.
void add_grouped(const Pattern& pattern, int64_t panels, int64_t taps, const Schedule& base,
                 const MachineModel& machine, std::vector<Schedule>& schedules) {
  const int64_t tiles = (pattern.rows() + base.tile_rows - 1) / base.tile_rows;
  for (const int64_t inner : {int64_t{1}, int64_t{2}}) {
    if (inner > panels) continue;
    const int64_t depth = machine.l1_bytes * 3 / 4 / (kPanelBytes * inner);
    const int64_t k_blocks = (pattern.cols() + depth - 1) / depth;
    Schedule schedule = base;
    const int64_t columns = (pattern.cols() + k_blocks - 1) / k_blocks;
    schedule.k_block = k_blocks > 1 ? (columns + taps - 1) / taps * taps : 0;
    // The mean tile's code: 7 bytes a nonzero, as many for perhaps half as many loads of X, 20 a row for each k-block.
    const int64_t tile_bytes = pattern.nnz() * 10 / tiles + base.tile_rows * 20 * k_blocks + 1;
    schedule.tile_group = std::min(tiles, machine.l1i_bytes * 3 / 4 / tile_bytes);
    schedule.inner_panels = inner;
    if (schedule.tile_group > 1) schedules.push_back(schedule);
  }
}

/// A channel a group, and few enough nonzeros a row that holding weights in registers is what decides.
bool is_depthwise(const Pattern& pattern, const Problem& problem) {
  return problem.spatial() && problem.conv->groups * problem.conv->taps() == pattern.cols();
}

/// Tiles are rows whose X stays in L1 for all positions, or for a band of position rows, so that other taps find it
/// there again; or all rows, so that X beyond L2 streams through it once, in the order in which it lies.
void add_depthwise(int64_t rows, int64_t panels, const Problem& problem, ImageLayout images,
                   const RegisterFile& registers, const MachineModel& machine, std::vector<Schedule>& schedules) {
  const ImageWork work = image_work(images, *problem.conv, rows);
  const int64_t rows_in_l1 = machine.l1_bytes * 3 / 4 / work.channel_bytes;
  const int64_t rows_of_band = std::max<int64_t>(1, machine.l1_bytes * 3 / 4 / work.band_bytes);
  std::vector<int64_t> tiles;
  for (const int64_t most : {rows_in_l1, rows_of_band, rows}) {
    const int64_t tile = std::min(std::clamp<int64_t>(most, 4, 4096), rows);
    if (std::find(tiles.begin(), tiles.end(), tile) == tiles.end()) tiles.push_back(tile);
  }
  for (const int64_t tile : tiles) {
    for (int32_t u = 1; u <= std::min<int64_t>({8, registers.vectors - 3, work.run_panels, panels}); ++u) {
      schedules.push_back({Form::depthwise, static_cast<int32_t>(tile), u, 0, 0, false, false, false, 0, 0});
    }
  }
  // Two rows of positions a pass read what they share once: 11 to 17 % at 14x14 and 7x7, whose tiles are two positions
  // wide. More lines at a time than this are slower again. Several tiles, so that threads can divide them.
  if (images != ImageLayout::strips) return;
  constexpr int64_t kMostLines = 36;
  const StripShape shape = strip_shape(*problem.conv);
  const Conv2d& conv = *problem.conv;
  const int64_t both = 2 * shape.tile_w, window_h = shape.x_h - (shape.tile_h - 2) * conv.stride_h;
  if (shape.tile_h < 2 || both > std::min<int64_t>(registers.vectors - 3, panels)) return;
  if (window_h * shape.x_w > kMostLines) return;
  const int64_t tile = std::clamp<int64_t>(rows / 8, std::min<int64_t>(rows, 4), 4096);
  schedules.push_back({Form::depthwise, static_cast<int32_t>(tile), static_cast<int32_t>(both), 0, 0, false});
}

/// X on its grid: all positions of a tile are one pass, of all rows or, for threads to share, of some.
std::vector<Schedule> grid_schedules(int64_t rows) {
  std::vector<Schedule> schedules;
  for (const int64_t parts : {1, 8}) {
    const int64_t tile = std::clamp<int64_t>(rows / parts, std::min<int64_t>(rows, 4), 4096);
    schedules.push_back({Form::depthwise, static_cast<int32_t>(tile), 1, 0, 0, false});
  }
  return schedules;
}

std::string microseconds(double ns) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f us", ns / 1e3);
  return text;
}

}  // namespace

std::vector<Schedule> vector_schedules(const Pattern& pattern, const Problem& problem, int64_t n,
                                       const Target& target) {
  if (problem.spatial() || n > kMostVectorColumns) return {};
  // A function for 128 rows: few calls, and parts enough for threads to share.
  Schedule schedule{.form = Form::vector, .tile_rows = 128, .cluster_rows = false};
  schedule.lanes = vector_lanes(target.isa());
  // Half a window's step: a quarter's leaves 4 % fewer slots and is no faster. Where its windows fill L1, a whole one.
  constexpr int64_t kMostOverlapped = 4096;
  schedule.window_step = schedule.lanes == kSliceRows && pattern.cols() <= kMostOverlapped ? 8 : 16;
  std::vector<Schedule> schedules;
  // All weights, zeros too, are more than the slots of a quarter of them, whose lanes are mostly full.
  const bool whole =
      4 * pattern.nnz() >= pattern.rows() * pattern.cols() && pattern.rows() * pattern.cols() <= kMaxNonzeros;
  for (const int32_t step : {schedule.window_step, 1}) {
    if (step == 1 && !whole) continue;
    schedule.window_step = step;
    for (const int32_t columns : {1, 2, 4}) {
      schedule.panels_per_pass = columns;
      if (columns <= n) schedules.push_back(schedule);
    }
  }
  std::erase_if(schedules, [&](const Schedule& s) { return !check_schedule(s, pattern, problem, target); });
  return schedules;
}

std::vector<Schedule> narrow_schedules(const Pattern& pattern, const Problem& problem, int64_t n,
                                       const Target& target) {
  if (problem.spatial() || n > 8) return {};
  const int32_t lanes = n <= 4 ? 4 : 8;
  const RegisterFile registers = register_file(target.isa(), lanes);
  const auto tile_rows = static_cast<int32_t>(std::min<int64_t>(registers.vectors - 1, pattern.rows()));
  std::vector<Schedule> schedules;
  if (pattern.nnz() * least_straight_bytes(target.isa()) <= kMostStraightCodeBytes) {
    for (const int64_t k : {int64_t{0}, int64_t{256}, int64_t{512}}) {
      if (k >= pattern.cols()) continue;
      for (const bool cluster : {true, false}) {
        for (const bool direct : {false, true}) {
          // Columns that fill the lanes are read where they lie.
          if (direct && (!can_read_in_place(problem) || n % lanes != 0)) continue;
          schedules.push_back({Form::sparse, tile_rows, 1, k, 0, cluster, false, direct});
        }
      }
    }
  }
  // A call comes to each tile once, so that code is never found fetched.
  for (size_t i = 0, count = schedules.size(); i < count; ++i) {
    Schedule schedule = schedules[i];
    schedule.prefetch_code = true;
    schedules.push_back(schedule);
  }
  add_compact(pattern, 1, problem, registers, machine_model(target), schedules);
  for (Schedule& schedule : schedules) schedule.lanes = lanes;
  return schedules;
}

std::vector<Schedule> candidate_schedules(const Pattern& pattern, int64_t panels, const Problem& problem,
                                          const Target& target, int64_t network_code_bytes, ImageLayout images) {
  if (problem.x_layout == Layout::grid) return grid_schedules(pattern.rows());
  const RegisterFile registers = register_file(target.isa());
  const int64_t depth = pattern.cols(), taps = problem.spatial() ? problem.conv->taps() : 1;
  std::vector<Schedule> schedules;

  const auto tile_rows = static_cast<int32_t>(std::min<int64_t>(registers.vectors - 1, pattern.rows()));
  std::vector<int64_t> k_blocks{0};
  for (const int64_t k : {256, 512, 1024}) {
    const int64_t whole = (k + taps - 1) / taps * taps;
    if (whole < depth) k_blocks.push_back(whole);
  }
  for (const int64_t k : k_blocks) {
    for (const int64_t b : n_blocks(panels, k > 0 ? k : depth)) {
      for (const bool cluster : {true, false}) {
        for (const bool prefetch : {false, true}) {
          if (prefetch && (problem.y_layout == Layout::plain || problem.spatial())) continue;
          schedules.push_back({Form::sparse, tile_rows, 1, k, b, cluster, prefetch, false, 0, 0});
          if (can_read_in_place(problem))
            schedules.push_back({Form::sparse, tile_rows, 1, k, b, cluster, prefetch, true, 0, 0});
        }
      }
    }
  }

  const MachineModel machine = machine_model(target);
  for (const int64_t b : n_blocks(panels, depth)) {
    if (b > 0 && b < 16) continue;  // the group's own blocks are as small
    for (const bool cluster : {true, false}) {
      for (const bool direct : {false, true}) {
        if (direct && !can_read_in_place(problem)) continue;
        const Schedule base{Form::sparse, tile_rows, 1, 0, b, cluster, false, direct, 0, 0};
        add_grouped(pattern, panels, taps, base, machine, schedules);
      }
    }
  }
  // Said before tilings are made, which takes long for matrices of that size.
  if (pattern.nnz() * least_straight_bytes(target.isa()) > kMostStraightCodeBytes) schedules.clear();
  // Its code takes lines of strips from data.
  if (!is_depthwise(pattern, problem) && images == ImageLayout::strips)
    add_compact(pattern, panels, problem, registers, machine, schedules);

  // Prefetching code pays where other layers push it out of L2, and at times where the layer's own doesn't fit.
  const bool cold = network_code_bytes > machine.l2_bytes;
  for (size_t i = 0, count = schedules.size(); i < count; ++i) {
    Schedule schedule = schedules[i];
    if (schedule.form != Form::sparse || schedule.prefetch_y ||
        (!cold && (schedule.k_block > 0 || schedule.n_block > 0)))
      continue;
    schedule.prefetch_code = true;
    schedules.push_back(schedule);
  }

  if (is_depthwise(pattern, problem))
    add_depthwise(pattern.rows(), panels, problem, images, registers, machine, schedules);

  // Dense code of a grouped convolution would multiply every group's rows with every other's channels.
  if (pattern.rows() * pattern.cols() <= kMaxNonzeros && (!problem.conv || problem.conv->groups == 1)) {
    // Rows x panels of accumulators: a value or a row of X that is loaded should serve as many of the others as
    // possible.
    const bool wide = registers.vectors >= 32;
    struct Shape {
      int rows, panels;
    };
    const Shape shapes[] = {wide ? Shape{8, 3} : Shape{registers.vectors - 1, 1}, wide ? Shape{14, 2} : Shape{2, 2},
                            wide ? Shape{28, 1} : Shape{3, 1}};
    for (const Shape& shape : shapes) {
      if (shape.panels > panels) continue;
      for (const int64_t k : {int64_t{0}, (256 + taps - 1) / taps * taps}) {
        if (k >= depth) continue;
        for (const int64_t b : n_blocks(panels, k > 0 ? k : depth)) {
          const int64_t rounded = b - b % shape.panels;
          Schedule schedule{Form::dense,
                            static_cast<int32_t>(std::min<int64_t>(shape.rows, pattern.rows())),
                            shape.panels,
                            k,
                            b == 0 ? 0 : std::max<int64_t>(rounded, shape.panels),
                            false};
          schedules.push_back(schedule);
          schedule.prefetch_code = true;
          if (cold || pattern.rows() * pattern.cols() * 4 > machine.l2_bytes / 2) schedules.push_back(schedule);
        }
      }
    }
  }
  for (Schedule& schedule : schedules) schedule.images = images;
  return schedules;
}

std::vector<ImageLayout> image_layouts(const Pattern& pattern, const Problem& problem) {
  if (!problem.spatial()) return {ImageLayout::strips};
  const bool small = check_image_shapes(pattern.rows(), pattern.cols(), *problem.conv).ok();
  std::vector<ImageLayout> layouts;
  for (const ImageLayout images : {ImageLayout::strips, ImageLayout::planes, ImageLayout::rows}) {
    if (suits(images, problem) && (small || images == ImageLayout::strips)) layouts.push_back(images);
  }
  return layouts;
}

void keep_best(std::vector<Candidate>& candidates) {
  constexpr int kMost[] = {16, 4, 4, 4, 4};  // by form
  constexpr int kMostFurther = 4;            // of a form in another layout than its best
  int counts[std::size(kMost)][kImageLayouts] = {};
  bool best_seen[std::size(kMost)] = {};
  ImageLayout best[std::size(kMost)] = {};
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.predicted_ns < b.predicted_ns; });
  std::erase_if(candidates, [&](const Candidate& candidate) {
    const auto form = static_cast<size_t>(candidate.schedule.form);
    const ImageLayout images = candidate.schedule.images;
    if (!std::exchange(best_seen[form], true)) best[form] = images;
    const int most = images == best[form] ? kMost[form] : std::min(kMost[form], kMostFurther);
    return ++counts[form][static_cast<size_t>(images)] > most;
  });
}

void choose(Plan& plan) {
  const auto time = [](const Candidate& c) { return c.measured_ns > 0 ? c.measured_ns : c.predicted_ns; };
  std::stable_sort(plan.candidates.begin(), plan.candidates.end(), [&](const Candidate& a, const Candidate& b) {
    if ((a.measured_ns > 0) != (b.measured_ns > 0)) return a.measured_ns > 0;
    return time(a) < time(b);
  });
  const Candidate& best = plan.candidates.front();
  plan.chosen = best.schedule;
  plan.tuned = best.measured_ns > 0;

  const char* how = plan.tuned ? "measured" : "predicted";
  char density[32];
  std::snprintf(density, sizeof density, "%.1f %%",
                100.0 * static_cast<double>(plan.nnz) / (static_cast<double>(plan.m) * static_cast<double>(plan.k)));
  std::string name = to_string(best.schedule.form);
  name[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(name[0])));
  plan.reason = name + " is " + how + " at " + microseconds(time(best)) + " for N = " + std::to_string(plan.n) +
                " with " + density + " of the weights kept";
  // The rivals: the best candidates of the other forms, so that the reason answers "why not dense" or "why dense".
  const char* joint = ", ";
  for (const Form form : {Form::dense, Form::sparse, Form::compact, Form::vector, Form::depthwise}) {
    const auto rival = std::ranges::find_if(plan.candidates, [&](const Candidate& c) {
      return c.schedule.form == form && (c.measured_ns > 0) == plan.tuned;
    });
    if (form == best.schedule.form || rival == plan.candidates.end()) continue;
    char factor[32];
    std::snprintf(factor, sizeof factor, "%.2fx", time(*rival) / time(best));
    plan.reason += joint + std::string(factor) + " as fast as the best " + to_string(form) + " form (" +
                   microseconds(time(*rival)) + ")";
    joint = " and ";
  }
  for (const ImageLayout images : {ImageLayout::strips, ImageLayout::planes, ImageLayout::rows}) {
    const auto rival = std::ranges::find_if(plan.candidates, [&](const Candidate& c) {
      return c.schedule.form == best.schedule.form && c.schedule.images == images && (c.measured_ns > 0) == plan.tuned;
    });
    if (images == best.schedule.images || rival == plan.candidates.end()) continue;
    char factor[32];
    std::snprintf(factor, sizeof factor, "%.2fx", time(*rival) / time(best));
    plan.reason += joint + std::string(factor) + " as fast as with images in " + to_string(images) + " (" +
                   microseconds(time(*rival)) + ")";
    joint = " and ";
  }
  plan.reason += joint[0] == ',' ? "; no other form was measured or possible." : ".";
  if (std::ranges::none_of(plan.candidates, [](const Candidate& c) { return c.schedule.form == Form::sparse; })) {
    plan.reason += " Straight-line code for so many nonzeros would be larger than " +
                   std::to_string(kMostStraightCodeBytes >> 20) + " MB.";
  }
}

}  // namespace sparsmith

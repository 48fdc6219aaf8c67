#include "plan/compact_schedules.h"

#include <algorithm>

#include "pattern/x_lines.h"
#include "sparsmith/strip.h"

namespace sparsmith {
namespace {

constexpr int64_t kLineBytes = 64;
/// Few enough that a layer's rows divide among threads, enough that a block's X is used often while it lies in L1.
constexpr int64_t kTileRows = 128;

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

void add_new(std::vector<int64_t>& sizes, int64_t size) {
  if (std::find(sizes.begin(), sizes.end(), size) == sizes.end()) sizes.push_back(size);
}

/// Passes of a few panels, each an n-block of its own, with blocks of K that keep their X in L1 or soon fetched from
/// L2. Deeper blocks for patterns whose rows would have little more than a nonzero in each.
void add_products(const Pattern& matrix, int64_t panels, int64_t most, std::vector<Schedule>& schedules) {
  const auto tile_rows = static_cast<int32_t>(std::min(kTileRows, matrix.rows()));
  const int64_t row_nonzeros = matrix.nnz() / matrix.rows();
  most = std::min(most, panels);
  for (const int64_t u : {int64_t{2}, int64_t{3}, int64_t{4}, int64_t{6}}) {
    if (u > most && u > 2) continue;
    const int64_t panels_per_pass = std::min(u, most);
    for (const int64_t k : {int64_t{0}, int64_t{128}, int64_t{256}, int64_t{512}}) {
      if (k >= matrix.cols() || (k > 0 && row_nonzeros * k < 2 * matrix.cols())) continue;
      schedules.push_back({Form::compact, tile_rows, static_cast<int32_t>(panels_per_pass), k, panels_per_pass, false,
                           false, false, 0, 0});
    }
  }
}

/// Positions of a pass: parts of a row of them, or rows, or images; some four at least, so that they share what a
/// nonzero costs by itself.
std::vector<int64_t> positions_of_passes(const StripShape& shape, int64_t panels, int64_t most) {
  constexpr int64_t kLeast = 4;
  std::vector<int64_t> sizes;
  for (int64_t parts = 1; parts <= shape.tile_w; ++parts) {
    const int64_t part = divide_up(shape.tile_w, parts);
    if (part <= most && (part >= kLeast || sizes.empty())) add_new(sizes, part);
  }
  const int64_t image = shape.y_positions();
  for (int64_t rows = 2; rows <= shape.tile_h && rows * shape.tile_w <= most; ++rows) {
    if (shape.tile_h % rows == 0 || rows * shape.tile_w >= kLeast) add_new(sizes, rows * shape.tile_w);
  }
  for (int64_t images = 2; images * image <= std::min(most, panels); images *= 2) add_new(sizes, images * image);
  return sizes;
}

/// Blocks of channels whose X of a pass takes three quarters of L1, all of it, or twice that.
std::vector<int64_t> channel_blocks(int64_t channels, double lines, int64_t l1_bytes) {
  const auto most = static_cast<double>(l1_bytes / kLineBytes);
  std::vector<int64_t> blocks;
  for (const double share : {0.75, 1.0, 2.0}) {
    int64_t best = 0;
    for (int64_t block = 1; block < channels; ++block) {
      if (channels % block == 0 && static_cast<double>(block) * lines <= share * most) best = block;
    }
    if (best > 0) add_new(blocks, best);
  }
  return blocks;
}

void add_convolutions(const Pattern& matrix, int64_t panels, const Problem& problem, int64_t most,
                      const MachineModel& machine, std::vector<Schedule>& schedules) {
  const StripShape shape = strip_shape(*problem.conv);
  const auto tile_rows = static_cast<int32_t>(std::min(kTileRows, matrix.rows()));
  const int64_t taps = problem.conv->taps(), channels = matrix.cols() / taps;
  for (const int64_t u : positions_of_passes(shape, panels, most)) {
    const double lines = compact_passes(problem, panels, u).tap_row_lines;
    std::vector<int64_t> k_blocks{0};
    if (problem.conv->kernel_h > 1) k_blocks.push_back(channels * problem.conv->kernel_w);
    for (const int64_t block : channel_blocks(channels, lines, machine.l1_bytes)) {
      // Rows of blocks that hold hardly a nonzero cost more than X from L2 does.
      const int64_t k = block * problem.conv->kernel_w;
      if (matrix.nnz() / matrix.rows() * k >= 4 * matrix.cols()) k_blocks.push_back(k);
    }
    const int64_t row_block = u < shape.tile_w ? shape.tile_w : u;
    for (const int64_t k : k_blocks) {
      for (const int64_t n : {row_block, int64_t{0}}) {
        if (n >= panels) continue;
        schedules.push_back({Form::compact, tile_rows, static_cast<int32_t>(u), k, n, false, false, false, 0, 0});
      }
    }
  }
}

}  // namespace

int most_compact_panels(int64_t rows, int64_t k, const Problem& problem, const RegisterFile& registers) {
  // Panels of X and Y are addressed by displacements from the first.
  int panels = 1;
  const auto within_reach = [&](int64_t u) {
    return std::max(u * problem.y_pitch(rows), x_panel_line(problem, k, u)) < INT32_MAX / kLineBytes;
  };
  while (panels < registers.max_listed_panels && within_reach(panels)) ++panels;
  return panels;
}

CompactPasses compact_passes(const Problem& problem, int64_t panels, int64_t panels_per_pass) {
  CompactPasses passes;
  if (!problem.spatial()) {
    passes.count = divide_up(panels, panels_per_pass);
    passes.all_lines = static_cast<double>(panels);
    passes.lines = passes.tap_row_lines = passes.all_lines / static_cast<double>(passes.count);
    return passes;
  }
  const Conv2d& conv = *problem.conv;
  const StripShape shape = strip_shape(conv);
  const int64_t images = std::max<int64_t>(1, panels / shape.y_positions());
  const int64_t columns = std::min(panels_per_pass, shape.tile_w);
  const int64_t rows = std::clamp<int64_t>(panels_per_pass / shape.tile_w, 1, shape.tile_h);
  const int64_t images_per_pass = std::clamp<int64_t>(panels_per_pass / shape.y_positions(), 1, images);
  const auto inputs = [](int64_t outputs, int64_t stride, int64_t kernel) {
    // Taps that a larger stride passes over are not read.
    return std::min((outputs - 1) * stride + kernel, outputs * kernel);
  };
  passes.count = divide_up(images, images_per_pass) * divide_up(shape.tile_h, rows) * divide_up(shape.tile_w, columns);
  passes.lines = static_cast<double>(images_per_pass * inputs(rows, conv.stride_h, conv.kernel_h) *
                                     inputs(columns, conv.stride_w, conv.kernel_w));
  passes.tap_row_lines = static_cast<double>(images_per_pass * rows * inputs(columns, conv.stride_w, conv.kernel_w));
  passes.all_lines = static_cast<double>(images * shape.x_positions());
  return passes;
}

void add_compact(const Pattern& matrix, int64_t panels, const Problem& problem, const RegisterFile& registers,
                 const MachineModel& machine, std::vector<Schedule>& schedules) {
  const int64_t k = problem.conv ? matrix.cols() / problem.conv->groups : matrix.cols();
  const int64_t most = most_compact_panels(matrix.rows(), k, problem, registers);
  if (problem.spatial()) return add_convolutions(matrix, panels, problem, most, machine, schedules);
  add_products(matrix, panels, most, schedules);
}

}  // namespace sparsmith

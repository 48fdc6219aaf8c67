#include "runtime/launch_vector.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "pattern/row_order.h"
#include "runtime/scratch.h"
#include "runtime/windows.h"

namespace sparsmith {
namespace {

constexpr int64_t kWidth = kPanelWidth;

int64_t whole_lines(int64_t floats) { return (floats + kWidth - 1) / kWidth * kWidth; }

template <class T>
Column<T> plain_column(const PlainView& view, T* data, int64_t column) {
  return {data + view.offset(column), view.row_stride};
}
template <class T>
Column<T> panel_column(const PanelRuns& runs, T* data, int64_t rows, int64_t column) {
  return {data + runs.at(column / kWidth) * rows * kWidth + column % kWidth, kWidth};
}

// Whether the code reads columns of X one after the other rather than windows of all of them: with 8 lanes, and
// without windows.
bool columns_side_by_side(const Launch& kernel) {
  return kernel.schedule.lanes < kWidth || kernel.schedule.window_step == 1;
}

// Floats of X as the code reads it.
int64_t x_floats(const Launch& kernel, int64_t columns) {
  if (columns_side_by_side(kernel)) return lane_column_floats(kernel.k) * columns;
  return WindowShape{kernel.k, kernel.schedule.window_step, columns}.count() * columns * kWidth;
}

// Working memory of a pass: windows of X, slices of Y and of the residual, a copy of a column of X, a sum for each row;
// in floats.
struct PassLayout {
  PassLayout(const Launch& kernel, int64_t columns)
      : windows(x_floats(kernel, columns)),
        slices(SliceShape{kernel.schedule.lanes, columns}.count(kernel.m) * columns * kWidth),
        copy(whole_lines(kernel.k)),
        rows(whole_lines(kernel.m)) {}
  int64_t windows, slices, copy, rows;
  int64_t bytes() const { return (windows + 2 * slices + copy + rows) * static_cast<int64_t>(sizeof(float)); }
};

// Columns that are computed together: brings them into working memory, calls code on ranges of tiles, takes the results
// home.
class Pass {
 public:
  Pass(const Launch& kernel, const LaneLaunch& lanes, const Operands& ops, const PassLayout& layout, std::byte* memory)
      : kernel_(kernel), lanes_(lanes), ops_(ops) {
    x_ = reinterpret_cast<float*>(memory);
    y_ = x_ + layout.windows;
    residual_ = y_ + layout.slices;
    copy_ = residual_ + layout.slices;
    sums_ = copy_ + layout.copy;
    slices_ = layout.slices;
  }

  void prepare(int64_t first, int64_t columns) {
    first_ = first;
    columns_ = columns;
    const WindowShape shape{kernel_.k, kernel_.schedule.window_step, columns};
    const SliceShape slices{kernel_.schedule.lanes, columns};
    if (!kernel_.accumulate) std::fill(y_, y_ + slices_, 0.0f);
    for (int64_t u = 0; u < columns; ++u) {
      const int64_t at = u * kWidth, column = first + u;
      if (kernel_.accumulate) gather_slices(y_column(column), lanes_.order, slices, y_ + at);
      if (ops_.residual != nullptr) gather_slices(residual_column(column), lanes_.order, slices, residual_ + at);
      const Column<const float> x = ops_.x_plain ? plain_column(ops_.x_view, ops_.x, column)
                                                 : panel_column(ops_.x_runs, ops_.x, kernel_.k, column);
      const int64_t floats = lane_column_floats(kernel_.k);
      const bool left_out = columns_side_by_side(kernel_) ? fill_column(x, kernel_.k, floats, x_ + u * floats)
                                                          : fill_windows(x, shape, copy_, x_ + at);
      if (left_out) add_nonfinite(x, slices, y_ + at);
    }
  }

  void compute(int64_t first_tile, int64_t last_tile) const {
    EntryArgs args = {};
    args.x = x_;
    args.y = y_;
    args.residual = residual_;
    args.passes = 1;
    const bool single = columns_ < kernel_.schedule.panels_per_pass;
    for (const Segment& segment : kernel_.segments) {
      if (segment.tile < first_tile || segment.tile >= last_tile) continue;
      args.values = kernel_.values + segment.value_offset;
      kernel_.caller.call(kernel_.caller.context, segment, single, args);
    }
  }

  void finish() const {
    for (int64_t u = 0; u < columns_; ++u) {
      const SliceShape slices{kernel_.schedule.lanes, columns_};
      scatter_slices(y_ + u * kWidth, lanes_.order, slices, y_column(first_ + u));
    }
  }

 private:
  Column<float> y_column(int64_t column) const {
    return ops_.y_plain ? plain_column(ops_.y_view, ops_.y, column)
                        : panel_column(ops_.y_runs, ops_.y, ops_.y_pitch, column);
  }
  Column<const float> residual_column(int64_t column) const {
    return ops_.y_plain ? plain_column(ops_.residual_view, ops_.residual, column)
                        : panel_column(ops_.residual_runs, ops_.residual, ops_.y_pitch, column);
  }

  // Adds the products with numbers of X that aren't finite, which its windows lack, to what the sums start from: what
  // is infinite or NaN there stays so, whatever is added to it.
  void add_nonfinite(Column<const float> x, const SliceShape& shape, float* slices) const {
    const auto rows = static_cast<int64_t>(lanes_.order.size());
    std::fill(sums_, sums_ + rows, 0.0f);
    for (size_t s = 0; s < lanes_.sources.size(); ++s) {
      if (lanes_.sources[s].kind() != ValueKind::weight) continue;
      const uint32_t index = lanes_.sources[s].index();
      const float v = x.data[lanes_.columns[index] * x.stride];
      if (std::isfinite(v)) continue;
      const auto after = std::upper_bound(lanes_.row_offsets.begin(), lanes_.row_offsets.end(), int64_t{index});
      sums_[after - lanes_.row_offsets.begin() - 1] += lanes_.values[s] * v;
    }
    for (int64_t p = 0; p < rows; ++p) {
      slices[shape.at(p)] += sums_[lanes_.order[static_cast<size_t>(p)]];
    }
  }

  const Launch& kernel_;
  const LaneLaunch& lanes_;
  const Operands& ops_;
  float *x_, *y_, *residual_, *copy_, *sums_;
  int64_t slices_;
  int64_t first_ = 0, columns_ = 0;
};

}  // namespace

Status launch_vector(const Launch& kernel, const LaneLaunch& lanes, const Operands& ops, int threads) {
  // Whole passes first, then what is left column by column.
  const int64_t most = kernel.schedule.panels_per_pass;
  const int64_t first = ops.first_panel * kWidth, columns = ops.n - first;
  const int64_t whole = columns / most, passes = whole + columns % most;
  const auto first_column = [&](int64_t pass) {
    return first + (pass <= whole ? pass * most : whole * most + (pass - whole));
  };
  const CallScope inside;
  threads = useful_threads(kernel, columns, threads);
  const bool divide_passes = passes >= threads;
  const int parts = divide_passes ? threads : static_cast<int>(std::min<int64_t>(threads, kernel.tiles));

  const PassLayout layout(kernel, std::min(most, columns));
  const int64_t bytes = layout.bytes() * (divide_passes ? parts : 1);
  std::byte* const memory = reserve_scratch(bytes);
  if (memory == nullptr) {
    return unsuitable("no memory for " + std::to_string(bytes) + " bytes of columns in slices",
                      "run with fewer threads, or compile with another schedule");
  }
  const auto run_passes = [&](int part) {
    Pass work(kernel, lanes, ops, layout, memory + layout.bytes() * part);
    for (int64_t pass = passes * part / parts; pass < passes * (part + 1) / parts; ++pass) {
      work.prepare(first_column(pass), first_column(pass + 1) - first_column(pass));
      work.compute(0, kernel.tiles);
      work.finish();
    }
  };
  if (divide_passes) return kernel.workers.run(parts, parts, run_passes);
  Pass work(kernel, lanes, ops, layout, memory);
  for (int64_t pass = 0; pass < passes; ++pass) {
    work.prepare(first_column(pass), first_column(pass + 1) - first_column(pass));
    Status done = kernel.workers.run(
        parts, parts, [&](int part) { work.compute(kernel.tiles * part / parts, kernel.tiles * (part + 1) / parts); });
    if (!done) return done;
    work.finish();
  }
  return success();
}

}  // namespace sparsmith

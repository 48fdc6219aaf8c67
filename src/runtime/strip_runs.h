/// \file
/// Positions of strips as code walks them.
#pragma once

#include <algorithm>
#include <cstdint>

#include "runtime/strip.h"
#include "runtime/tile_calls.h"
#include "sparsmith/panel.h"

namespace sparsmith {

/// Where the operands of a spatial kernel lie: strips of X from its first position on, of Y and the residual from
/// position y_first of Y on. Positions are numbered through all images.
struct StripOperands {
  StripView x_view, y_view;
  const float* x = nullptr;
  float* y = nullptr;
  const float* residual = nullptr;  ///< or null
  int64_t y_first = 0;
  int64_t run_rows = 1;  ///< rows of positions that code walks as one run, where so many are whole
};

/// Positions of a run from p on: the rest of the row or run_rows whole rows (compact_pass 0), or, of the compact form,
/// whose code knows where rows and images follow (x_panel_line), a pass of so many over several of them. A row longer
/// than a pass is shared out evenly.
inline int64_t strip_run(const StripView& ys, int64_t run_rows, int64_t compact_pass, int64_t p, int64_t last) {
  const int64_t row_rest = std::min(ys.positions_w - p % ys.positions_w, last - p);
  if (compact_pass == 0) {
    const int64_t row = p / ys.positions_w % ys.positions_h, whole = run_rows * ys.positions_w;
    const bool fits = p % ys.positions_w == 0 && row + run_rows <= ys.positions_h && p + whole <= last;
    return fits ? whole : row_rest;
  }
  if (compact_pass <= ys.positions_w) {
    const int64_t passes = (row_rest + compact_pass - 1) / compact_pass;
    return (row_rest + passes - 1) / passes;
  }
  if (p % ys.positions_w != 0) return row_rest;
  const int64_t image = ys.positions_w * ys.positions_h;
  return std::min({compact_pass, last - p, p % image == 0 ? compact_pass : image - p % image});
}

/// Positions [first, last) of Y as runs; along a row of positions one is stride_w positions of X after the other.
template <class Visit>
void for_each_strip_run(const StripOperands& strips, int64_t compact_pass, int64_t first, int64_t last,
                        const Visit& visit) {
  constexpr int64_t kLine = kPanelWidth * static_cast<int64_t>(sizeof(float));
  const StripView &xs = strips.x_view, &ys = strips.y_view;
  const int64_t stride_h = xs.step_h / ys.step_h, stride_w = xs.step_w / ys.step_w;
  for (int64_t p = first; p < last;) {
    const int64_t column = p % ys.positions_w, row = p / ys.positions_w % ys.positions_h;
    const int64_t image = p / ys.positions_w / ys.positions_h;
    const int64_t x_position = (image * xs.positions_h + row * stride_h) * xs.positions_w + column * stride_w;
    const int64_t y_at = (p - strips.y_first) * ys.channels * kPanelWidth;
    Run run;
    run.count = strip_run(ys, strips.run_rows, compact_pass, p, last);
    run.args.x = strips.x + x_position * xs.channels * kPanelWidth;
    run.args.x_panel_stride = stride_w * xs.channels * kLine;
    run.args.x_row_stride = run.args.y_row_stride = run.args.residual_row_stride = kLine;
    run.args.y = strips.y + y_at;
    run.args.y_panel_stride = run.args.residual_panel_stride = ys.channels * kLine;
    if (strips.residual != nullptr) run.args.residual = strips.residual + y_at;
    visit(run);
    p += run.count;
  }
}

}  // namespace sparsmith

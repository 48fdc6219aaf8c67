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
};

/// Positions [first, last) of Y as runs along rows of positions, of which one is stride_w positions of X after the
/// other.
template <class Visit>
void for_each_strip_run(const StripOperands& strips, int64_t first, int64_t last, const Visit& visit) {
  constexpr int64_t kLine = kPanelWidth * static_cast<int64_t>(sizeof(float));
  const StripView &xs = strips.x_view, &ys = strips.y_view;
  const int64_t stride_h = xs.step_h / ys.step_h, stride_w = xs.step_w / ys.step_w;
  for (int64_t p = first; p < last;) {
    const int64_t column = p % ys.positions_w, row = p / ys.positions_w % ys.positions_h;
    const int64_t image = p / ys.positions_w / ys.positions_h;
    const int64_t x_position = (image * xs.positions_h + row * stride_h) * xs.positions_w + column * stride_w;
    const int64_t y_at = (p - strips.y_first) * ys.channels * kPanelWidth;
    Run run;
    run.count = std::min(ys.positions_w - column, last - p);
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

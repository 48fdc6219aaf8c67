/// \file
/// The operands of one call, checked and in the form that launch works with.
#pragma once

#include <cstdint>

#include "runtime/image_view.h"
#include "runtime/panel.h"
#include "sparsmith/kernel.h"
#include "sparsmith/problem.h"
#include "sparsmith/result.h"

namespace sparsmith {

struct Operands {
  const float* x = nullptr;
  float* y = nullptr;
  const float* residual = nullptr;
  int64_t n = 0;            ///< columns, of all images
  int64_t panels = 0;       ///< panel_count(n)
  int64_t first_panel = 0;  ///< the panels in front of it are left out
  int64_t count() const { return panels - first_panel; }
  int64_t y_pitch = 0;  ///< rows from panel to panel of Y and the residual, where those are in panels
  bool x_plain = false, y_plain = false;
  PlainView x_view;                         ///< when x_plain
  PlainView y_view;                         ///< when y_plain
  PlainView residual_view;                  ///< when y_plain; columns lie as in y_view
  PanelRuns x_runs, y_runs, residual_runs;  ///< of panels; no runs where all follow each other

  /// Of the panels from p on, how many lie side by side in each operand that is in panels.
  int64_t side_by_side(int64_t p, int64_t count) const {
    return residual_runs.side_by_side(p, y_runs.side_by_side(p, x_runs.side_by_side(p, count)));
  }

  /// Of a spatial convolution, in the layout that its code sees; the views above are not set then, and panels are those
  /// of `runs`, of all images.
  int64_t batch = 1;
  bool spatial = false;
  ImageView x_images, y_images;
  ImageRuns runs;
};

/// Checks everything about `args` that can be seen without touching the data: bad_input says which number is wrong and
/// what would be right. Sizes that don't fit an address space are refused here, so later arithmetic can't overflow.
/// `images`: the layout in which a spatial convolution's code sees images, which is its operands' own where those
/// aren't plain.
Result<Operands> check_run_args(int64_t m, int64_t k, const Problem& problem, const RunArgs& args,
                                ImageLayout images = ImageLayout::strips);

}  // namespace sparsmith

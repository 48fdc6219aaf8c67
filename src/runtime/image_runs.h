/// \file
/// Panels of images as code walks them.
#pragma once

#include <algorithm>
#include <cstdint>

#include "runtime/image_view.h"
#include "runtime/tile_calls.h"
#include "sparsmith/panel.h"

namespace sparsmith {

/// Where the operands of a spatial kernel lie: X from its first panel on, Y and the residual from panel y_first of Y on
/// (of strips; else 0; negative where panels before X's first lie at their pointers). Panels are numbered through all
/// images.
struct ImageOperands {
  ImageRuns runs;
  const float* x = nullptr;
  float* y = nullptr;
  const float* residual = nullptr;  ///< or null
  int64_t y_first = 0;
  PanelRuns y_runs{}, residual_runs{};  ///< of strips; no runs where panels follow each other as `runs` has them
  int64_t run_rows = 1;  ///< runs that code walks as one, where so many are whole: rows of positions in strips
};

/// Panels of a run from p on: the rest of the run, or run_rows whole ones (compact_pass 0), or, of the compact form,
/// whose code knows where rows of positions and images follow (x_panel_line), a pass of so many over several of them. A
/// row longer than a pass is shared out evenly.
inline int64_t run_length(const ImageRuns& runs, int64_t run_rows, int64_t compact_pass, int64_t p, int64_t last) {
  const int64_t row_rest = std::min(runs.panels - p % runs.panels, last - p);
  if (compact_pass == 0) {
    const int64_t row = p / runs.panels % runs.runs, whole = run_rows * runs.panels;
    const bool fits = p % runs.panels == 0 && row + run_rows <= runs.runs && p + whole <= last;
    return fits ? whole : row_rest;
  }
  if (compact_pass <= runs.panels) {
    const int64_t passes = (row_rest + compact_pass - 1) / compact_pass;
    return (row_rest + passes - 1) / passes;
  }
  if (p % runs.panels != 0) return row_rest;
  const int64_t image = runs.panels_per_image();
  return std::min({compact_pass, last - p, p % image == 0 ? compact_pass : image - p % image});
}

/// Panels [first, last) of Y as runs, or pieces of them.
template <class Visit>
void for_each_image_run(const ImageOperands& images, int64_t compact_pass, int64_t first, int64_t last,
                        const Visit& visit) {
  constexpr auto kFloat = static_cast<int64_t>(sizeof(float));
  const ImageRuns& runs = images.runs;
  for (int64_t p = first; p < last;) {
    const int64_t column = p % runs.panels, row = p / runs.panels % runs.runs, image = p / runs.panels / runs.runs;
    const int64_t y_at =
        image * runs.y_image + runs.y_first + row * runs.y_run + column * runs.y_panel - images.y_first * runs.y_panel;
    const int64_t y_panel = p - images.y_first;
    const auto at = [&](const PanelRuns& given) { return given.run > 0 ? given.at(y_panel) * runs.y_panel : y_at; };
    int64_t side_by_side = images.y_runs.side_by_side(y_panel, last - p);
    if (images.residual != nullptr) side_by_side = images.residual_runs.side_by_side(y_panel, side_by_side);
    Run run;
    run.count = run_length(runs, images.run_rows, compact_pass, p, p + side_by_side);
    run.args.x = images.x + image * runs.x_image + row * runs.x_run + column * runs.x_panel;
    run.args.x_panel_stride = runs.x_panel * kFloat;
    run.args.x_row_stride = kPanelWidth * kFloat;
    run.args.y = images.y + at(images.y_runs);
    run.args.y_panel_stride = run.args.residual_panel_stride = runs.y_panel * kFloat;
    run.args.y_row_stride = run.args.residual_row_stride = runs.y_row * kFloat;
    if (images.residual != nullptr) run.args.residual = images.residual + at(images.residual_runs);
    visit(run);
    p += run.count;
  }
}

}  // namespace sparsmith

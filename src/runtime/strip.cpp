#include "runtime/strip.h"

#include <algorithm>

#include "runtime/strip_copy.h"
#include "sparsmith/panel.h"

namespace sparsmith {
namespace {

// The runs of a position row: where each tile's pixels lie, if they do at all.
StripLanes lanes_of(const StripView& view, int64_t row) {
  StripLanes lanes;
  for (int l = 0; l < kPanelWidth; ++l) {
    const int64_t y = l / view.grid_w * view.step_h + row - view.pad_top;
    const int64_t x = l % view.grid_w * view.step_w - view.pad_left;
    if (y < 0 || y >= view.height) continue;
    lanes.begin[l] = std::max<int64_t>(0, -x);
    lanes.end[l] = std::min(view.positions_w, view.width - x);
    if (lanes.begin[l] >= lanes.end[l]) lanes.begin[l] = lanes.end[l] = 0;
    lanes.offset[l] = y * view.width + x;
  }
  return lanes;
}

void pack_images(const StripView& view, const float* source, int64_t batch, float* strips) {
  for (int64_t b = 0; b < batch; ++b) {
    pack_strip_rows(view, source + b * view.image_floats(), 0, view.positions_h, strips + b * view.strip_floats());
  }
}

}  // namespace

StripView StripView::input(const Conv2d& conv, int64_t channels) {
  const StripShape shape = strip_shape(conv);
  return {.channels = channels,
          .height = conv.height,
          .width = conv.width,
          .positions_h = shape.x_h,
          .positions_w = shape.x_w,
          .pitch = shape.x_w,
          .grid_w = shape.grid_w,
          .step_h = shape.step_h,
          .step_w = shape.step_w,
          .pad_top = conv.pad_top,
          .pad_left = conv.pad_left};
}

StripView StripView::output(const Conv2d& conv, int64_t m) { return value(output_grid(conv), m); }

StripView StripView::value(const StripGrid& grid, int64_t channels) {
  return {.channels = channels,
          .height = grid.height,
          .width = grid.width,
          .positions_h = grid.tile_h,
          .positions_w = grid.tile_w,
          .pitch = grid.tile_w,
          .grid_w = grid.grid_w,
          .step_h = grid.tile_h,
          .step_w = grid.tile_w};
}

void pack_strip_rows(const StripView& view, const float* image, int64_t first, int64_t last, float* strips) {
  const int64_t row_floats = view.pitch * view.channels * kPanelWidth;
  for (int64_t row = first; row < last; ++row) {
    strip_copy().pack_row(lanes_of(view, row), view.positions_w, view.channels, image, view.height * view.width,
                          strips + row * row_floats);
  }
}

void unpack_strip_rows(const StripView& view, const float* strips, int64_t first, int64_t last, float* image) {
  const int64_t row_floats = view.pitch * view.channels * kPanelWidth;
  for (int64_t row = first; row < last; ++row) {
    strip_copy().unpack_row(lanes_of(view, row), view.positions_w, view.channels, strips + row * row_floats, image,
                            view.height * view.width);
  }
}

void pack_strips(const float* source, int64_t batch, int64_t channels, const Conv2d& conv, float* strips) {
  pack_images(StripView::input(conv, channels), source, batch, strips);
}

void pack_strips(const float* source, int64_t batch, int64_t channels, const StripGrid& grid, float* strips) {
  pack_images(StripView::value(grid, channels), source, batch, strips);
}

void pack_output_strips(const float* source, int64_t batch, int64_t m, const Conv2d& conv, float* strips) {
  pack_strips(source, batch, m, output_grid(conv), strips);
}

void unpack_strips(const float* strips, int64_t batch, int64_t channels, const StripGrid& grid, const PanelRuns& runs,
                   float* target) {
  StripView view = StripView::value(grid, channels);
  if (runs.run > 0) view.pitch = runs.pitch;
  for (int64_t b = 0; b < batch; ++b) {
    const int64_t position = runs.at(b * grid.positions());
    unpack_strip_rows(view, strips + position * channels * kPanelWidth, 0, view.positions_h,
                      target + b * view.image_floats());
  }
}

void unpack_strips(const float* strips, int64_t batch, int64_t m, const Conv2d& conv, float* target) {
  unpack_strips(strips, batch, m, output_grid(conv), {}, target);
}

}  // namespace sparsmith

#include "sparsmith/strip.h"

namespace sparsmith {

StripGrid output_grid(const Conv2d& conv) {
  const StripShape shape = strip_shape(conv);
  return {conv.out_height(), conv.out_width(), shape.grid_h, shape.grid_w, shape.tile_h, shape.tile_w};
}

std::optional<StripInterior> strip_interior(const Conv2d& conv) {
  const StripShape shape = strip_shape(conv);
  const bool covers = shape.grid_h * shape.step_h >= conv.height && shape.grid_w * shape.step_w >= conv.width;
  const bool holds = conv.pad_top + shape.step_h <= shape.x_h && conv.pad_left + shape.step_w <= shape.x_w;
  if (!covers || !holds) return std::nullopt;
  StripInterior interior;
  interior.grid = {conv.height, conv.width, shape.grid_h, shape.grid_w, shape.step_h, shape.step_w};
  interior.first = conv.pad_top * shape.x_w + conv.pad_left;
  interior.runs = {
      .run = shape.step_w, .pitch = shape.x_w, .image_runs = shape.step_h, .image_pitch = shape.x_positions()};
  return interior;
}

bool can_link(const StripGrid& value, const Conv2d& next) {
  const std::optional<StripInterior> interior = strip_interior(next);
  return interior && interior->grid == value;
}

}  // namespace sparsmith

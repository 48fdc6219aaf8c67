#include "pattern/x_lines.h"

#include <algorithm>

#include "sparsmith/strip.h"

namespace sparsmith {

int64_t x_lines(const Problem& problem, int64_t k, int64_t k_block) {
  if (!problem.spatial()) return k_block > 0 ? std::min(k_block, k) : k;
  const Conv2d& conv = *problem.conv;
  const int64_t channels = conv.channels(k), x_w = strip_shape(conv).x_w;
  const int64_t last_row = k_block > 0 ? 0 : (conv.kernel_h - 1) * conv.dilation_h * x_w;
  const int64_t last_tap = last_row + (conv.kernel_w - 1) * conv.dilation_w;
  return last_tap * channels + (k_block > 0 ? std::min(k_block / conv.kernel_w, channels) : channels);
}

int64_t x_panel_line(const Problem& problem, int64_t k, int64_t u) {
  if (!problem.spatial()) return u * k;
  const Conv2d& conv = *problem.conv;
  const StripShape shape = strip_shape(conv);
  const int64_t column = u % shape.tile_w, row = u / shape.tile_w % shape.tile_h, image = u / shape.y_positions();
  return ((image * shape.x_h + row * conv.stride_h) * shape.x_w + column * conv.stride_w) * conv.channels(k);
}

}  // namespace sparsmith

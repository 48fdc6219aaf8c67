#include <algorithm>
#include <string>

#include "pattern/images.h"
#include "sparsmith/image_layout.h"
#include "sparsmith/panel.h"
#include "sparsmith/strip.h"

namespace sparsmith {
namespace {

/// Floats of an image of planes or rows: 1 GB, which a displacement reaches.
constexpr int64_t kMostFloats = int64_t{1} << 28;

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t whole_lines(int64_t floats) { return divide_up(floats, kPanelWidth) * kPanelWidth; }

/// Padded rows and columns that taps reach.
int64_t reached_h(const Conv2d& conv) {
  return (conv.out_height() - 1) * conv.stride_h + conv.dilation_h * (conv.kernel_h - 1) + 1;
}
int64_t reached_w(const Conv2d& conv) {
  return (conv.out_width() - 1) * conv.stride_w + conv.dilation_w * (conv.kernel_w - 1) + 1;
}

/// Floats from row to row of all planes, those of Y too: enough for a row of outputs behind a pad, and for each phase's
/// pixels with the wider of the pads before and behind them.
int64_t plane_pitch(const Conv2d& conv) {
  int64_t pitch = conv.pad_left + conv.out_width();
  for (int64_t phase = 0; phase < std::min(conv.stride_w, reached_w(conv)); ++phase) {
    const int64_t reached = divide_up(reached_w(conv) - phase, conv.stride_w);
    const int64_t first = std::max<int64_t>(0, divide_up(conv.pad_left - phase, conv.stride_w));
    const int64_t end = std::min(reached, divide_up(conv.pad_left + conv.width - phase, conv.stride_w));
    if (first < end) pitch = std::max({pitch, end, reached - first});
  }
  return pitch;
}

/// `columns`: that are reached, of one phase. A vector that begins at the last of them ends within the plane.
void lay_out_planes(ImageShape& shape, int64_t pitch, int64_t columns) {
  const int64_t rows = divide_up(shape.padded_h, shape.stride_h);
  const int64_t plane = whole_lines((rows - 1) * pitch + std::max(columns, pitch) + kPanelWidth - 1);
  shape.pitch = shape.row_floats = pitch;
  shape.tail = plane - rows * pitch;
  shape.phase_w_floats = plane;
  shape.phase_h_floats = shape.stride_w * plane;
  shape.channel_floats = shape.stride_h * shape.phase_h_floats;
  shape.floats = shape.channels * shape.channel_floats;
}

/// A vector that begins at a channel's last column reaches into the next channel: those lanes' sums are thrown away,
/// and those of Y that are stored there are pads.
void lay_out_rows(ImageShape& shape, int64_t columns) {
  shape.pitch = shape.phase_w_floats = whole_lines(columns);
  shape.channel_floats = shape.stride_w * shape.pitch;
  shape.phase_h_floats = shape.channels * shape.channel_floats;
  shape.row_floats = shape.stride_h * shape.phase_h_floats;
  shape.tail = kPanelWidth;
  shape.floats = shape.padded_h * shape.phase_h_floats + shape.tail;
}

}  // namespace

ImageShape image_shape_x(Layout layout, const Conv2d& conv, int64_t channels) {
  ImageShape shape{.channels = channels,
                   .height = conv.height,
                   .width = conv.width,
                   .pad_top = conv.pad_top,
                   .pad_left = conv.pad_left,
                   .stride_h = conv.stride_h,
                   .stride_w = conv.stride_w,
                   .padded_h = reached_h(conv)};
  const int64_t columns = divide_up(reached_w(conv), conv.stride_w);
  if (layout == Layout::plane) {
    lay_out_planes(shape, plane_pitch(conv), columns);
  } else {
    lay_out_rows(shape, columns);
  }
  return shape;
}

ImageShape image_shape_y(Layout layout, const Conv2d& conv, int64_t m) {
  ImageShape shape{.channels = m,
                   .height = conv.out_height(),
                   .width = conv.out_width(),
                   .pad_top = conv.pad_top,
                   .pad_left = conv.pad_left,
                   .padded_h = conv.pad_top + conv.out_height() + conv.pad_bottom};
  const int64_t columns = conv.pad_left + conv.out_width() + conv.pad_right;
  if (layout == Layout::plane) {
    lay_out_planes(shape, plane_pitch(conv), columns);
  } else {
    lay_out_rows(shape, columns);
  }
  return shape;
}

int64_t image_floats_x(Layout layout, const Conv2d& conv, int64_t channels) {
  if (layout == Layout::plain) return channels * conv.height * conv.width;
  if (layout == Layout::grid) return strip_shape(conv).y_floats(channels);
  return layout == Layout::panel ? strip_shape(conv).x_floats(channels) : image_shape_x(layout, conv, channels).floats;
}

int64_t image_floats_y(Layout layout, const Conv2d& conv, int64_t m) {
  if (layout == Layout::plain) return m * conv.out_height() * conv.out_width();
  return layout == Layout::panel ? strip_shape(conv).y_floats(m) : image_shape_y(layout, conv, m).floats;
}

bool can_read_grid(const Conv2d& conv) {
  constexpr int64_t kMostLines = int64_t{1} << 24;  // in reach of a displacement
  const StripGrid grid = output_grid(conv);
  return conv.groups > 1 && conv.stride_h == 1 && conv.stride_w == 1 && grid.height == conv.height &&
         grid.width == conv.width && grid.positions() <= kMostGridPositions &&
         conv.groups <= kMostLines / grid.positions();
}

Status check_layouts(int64_t m, const Problem& problem) {
  if (problem.y_channels != 0) {
    if (problem.y_layout != Layout::panel) {
      return bad_input("y_channels = " + std::to_string(problem.y_channels) + " for a Y that isn't in panels",
                       "y_layout panel, or 0");
    }
    if (problem.y_channels < m || problem.y_channels > kMaxPitch) {
      return bad_input(
          "y_channels = " + std::to_string(problem.y_channels) + " for " + std::to_string(m) + " rows of weights",
          "0, or those of the value that they are part of, at most " + std::to_string(kMaxPitch));
    }
  }
  const auto images = [](Layout layout) { return layout != Layout::plain && layout != Layout::panel; };
  if (problem.y_layout == Layout::grid) return bad_input("a Y of its own grid", "that is what strips (panel) are");
  if (!problem.spatial()) {
    if (!images(problem.x_layout) && !images(problem.y_layout)) return success();
    return bad_input("planes, rows or grids for a layer that isn't a spatial convolution",
                     "use the plain or the panel layout");
  }
  if (problem.x_layout == Layout::grid) {
    const bool alone = problem.y_layout == Layout::panel && problem.y_channels == 0;
    if (alone && can_read_grid(*problem.conv)) return success();
    return bad_input(
        "X on the grid of a convolution that can't read it there",
        "a depthwise one of a small image that stays as large, with a Y in strips (panel) that isn't part of more");
  }
  if (problem.x_layout == problem.y_layout || problem.x_layout == Layout::plain || problem.y_layout == Layout::plain) {
    return success();
  }
  const auto name = [](Layout layout) {
    return layout == Layout::panel ? "strips (panel)" : layout == Layout::plane ? "planes" : "rows";
  };
  return bad_input(std::string("a convolution of X in ") + name(problem.x_layout) + " to Y in " +
                       name(problem.y_layout) + "; its code sees both in one layout",
                   "the same layout for both, or a plain X or Y");
}

Status check_image_shapes(int64_t m, int64_t k, const Conv2d& conv) {
  // In doubles, which don't overflow; a factor of 2 covers every rounding up to lines.
  const auto floats = [&](int64_t channels, int64_t rows, int64_t columns, int64_t phases) {
    return 2.0 * static_cast<double>(channels) * static_cast<double>(phases) * (static_cast<double>(rows) + 2) *
           (static_cast<double>(columns) + 32);
  };
  const double x = floats(conv.channels(k), divide_up(reached_h(conv), conv.stride_h),
                          std::max(divide_up(reached_w(conv), conv.stride_w),
                                   divide_up(conv.pad_left + conv.width, conv.stride_w) + conv.out_width()),
                          conv.stride_h * conv.stride_w);
  const double y = floats(m, conv.pad_top + conv.out_height() + conv.pad_bottom,
                          conv.pad_left + conv.pad_right + conv.out_width() + conv.width, 1);
  if (std::max(x, y) <= static_cast<double>(kMostFloats)) return success();
  return unsuitable("images of some " + std::to_string(static_cast<int64_t>(std::max(x, y)) >> 18) +
                        " MB in planes or rows; at most " + std::to_string(kMostFloats >> 18) + " MB are supported",
                    "use strips (Layout::panel), or cut the image");
}

}  // namespace sparsmith

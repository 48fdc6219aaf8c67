#include <string>
#include <tuple>

#include "pattern/check.h"
#include "sparsmith/panel.h"
#include "sparsmith/pattern.h"
#include "sparsmith/strip.h"

namespace sparsmith {
namespace {

/// A tap's or channel's offset from another must fit a displacement: 2^24 lines are 1 GB.
constexpr int64_t kMaxLines = int64_t{1} << 24;

std::string number(int64_t value) { return std::to_string(value); }

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

StripShape shape_on_grid(const Conv2d& conv, int64_t grid_h) {
  StripShape shape;
  shape.grid_h = grid_h;
  shape.grid_w = kPanelWidth / grid_h;
  shape.tile_h = divide_up(conv.out_height(), shape.grid_h);
  shape.tile_w = divide_up(conv.out_width(), shape.grid_w);
  shape.x_h = (shape.tile_h - 1) * conv.stride_h + (conv.kernel_h - 1) * conv.dilation_h + 1;
  shape.x_w = (shape.tile_w - 1) * conv.stride_w + (conv.kernel_w - 1) * conv.dilation_w + 1;
  shape.step_h = shape.tile_h * conv.stride_h;
  shape.step_w = shape.tile_w * conv.stride_w;
  return shape;
}

}  // namespace

StripShape strip_shape(const Conv2d& conv) {
  StripShape best;
  for (int64_t grid_h = 1; grid_h <= kPanelWidth; grid_h *= 2) {
    const StripShape shape = shape_on_grid(conv, grid_h);
    // A line of halo is some quarter of the work of a position. A 3x3 kernel's stands for all, so that images of a size
    // are cut alike whatever convolution made them.
    const auto rank = [](const StripShape& s) {
      return std::pair(4 * s.y_positions() + (s.tile_h + 2) * (s.tile_w + 2), -s.tile_w);
    };
    if (grid_h == 1 || rank(shape) < rank(best)) best = shape;
  }
  return best;
}

Status check_conv(int64_t m, int64_t k, const Conv2d& conv) {
  const auto sizes = [&] {
    return "a convolution over " + number(conv.height) + "x" + number(conv.width) + " with kernel " +
           number(conv.kernel_h) + "x" + number(conv.kernel_w) + ", stride " + number(conv.stride_h) + "," +
           number(conv.stride_w) + ", dilation " + number(conv.dilation_h) + "," + number(conv.dilation_w);
  };
  for (const int64_t size : {conv.height, conv.width, conv.kernel_h, conv.kernel_w, conv.stride_h, conv.stride_w,
                             conv.dilation_h, conv.dilation_w, conv.groups}) {
    if (size < 1) return bad_input(sizes() + " and " + number(conv.groups) + " groups; all must be 1 or more");
    if (size > kMaxDimension) return bad_input(sizes() + "; at most " + number(kMaxDimension) + " is supported");
  }
  for (const int64_t pad : {conv.pad_top, conv.pad_left, conv.pad_bottom, conv.pad_right}) {
    if (pad < 0) return bad_input("a convolution with a pad of " + number(pad) + "; pads must be 0 or more");
    if (pad > kMaxDimension) return bad_input("a pad of " + number(pad) + "; at most " + number(kMaxDimension));
  }
  if (conv.height * conv.width > kMaxDimension) {
    return bad_input(sizes() + " positions; at most " + number(kMaxDimension) + " are supported");
  }
  if (conv.kernel_h > kMaxDimension / conv.kernel_w || k % conv.taps() != 0) {
    return bad_input("weights of " + number(k) + " columns can't have a kernel of " + number(conv.kernel_h) + "x" +
                         number(conv.kernel_w),
                     "columns are channels / groups * kernel height * kernel width");
  }
  if (m % conv.groups != 0) {
    return bad_input(number(m) + " output channels can't be divided into " + number(conv.groups) + " groups");
  }
  const auto fits = [](int64_t size, int64_t pads, int64_t kernel, int64_t dilation) {
    return dilation * (kernel - 1) + 1 <= size + pads;
  };
  if (!fits(conv.height, conv.pad_top + conv.pad_bottom, conv.kernel_h, conv.dilation_h) ||
      !fits(conv.width, conv.pad_left + conv.pad_right, conv.kernel_w, conv.dilation_w)) {
    return bad_input(sizes() + ": the kernel is larger than the padded input of " +
                     number(conv.height + conv.pad_top + conv.pad_bottom) + "x" +
                     number(conv.width + conv.pad_left + conv.pad_right));
  }
  if (conv.out_height() > kMaxDimension / conv.out_width()) {
    return bad_input(sizes() + " has " + number(conv.out_height()) + "x" + number(conv.out_width()) +
                     " outputs; at most " + number(kMaxDimension) + " are supported");
  }
  if (conv.pointwise()) return success();
  if (conv.groups > kMaxDimension / k) {
    return bad_input(number(conv.groups) + " groups of " + number(k) + " columns are too many");
  }
  const StripShape shape = strip_shape(conv);
  const int64_t channels = conv.channels(k);
  if (shape.x_w > kMaxLines / shape.x_h || shape.x_positions() > kMaxLines / channels) {
    return unsuitable(sizes() + " of " + number(channels) + " channels takes strips of " + number(shape.x_h) + "x" +
                          number(shape.x_w) + " positions; at most " + number(kMaxLines) +
                          " positions times channels are supported",
                      "cut the image");
  }
  return success();
}

}  // namespace sparsmith

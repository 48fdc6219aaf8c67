/// \file
/// The arithmetic of windows that slide over an image: output sizes, padding, and which window reads what. Convolutions
/// and pooling share it.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "ops/node_view.h"

namespace sparsmith::ops {

/// Numbers [first, last); empty where they are equal.
struct Range {
  int64_t first = 0, last = 0;
  int64_t size() const { return last - first; }
};

/// Windows along one dimension: tap k of window o reads input o * stride + k * dilation - pad_begin, if there is one.
struct WindowAxis {
  int64_t input = 1, output = 1;
  int64_t kernel = 1, stride = 1, dilation = 1;
  int64_t pad_begin = 0, pad_end = 0;

  int64_t span() const { return (kernel - 1) * dilation + 1; }  ///< inputs from the first tap to the last
  int64_t position(int64_t window, int64_t tap) const { return window * stride + tap * dilation - pad_begin; }
  /// Taps of a window that read inputs in [first, last).
  Range taps_reading(int64_t window, int64_t first, int64_t last) const;
  Range taps_inside(int64_t window) const { return taps_reading(window, 0, input); }
  /// Windows whose tap reads an input in [first, last).
  Range windows_reading(int64_t tap, int64_t first, int64_t last) const;
  /// Every window is one element, which is its input.
  bool is_identity() const { return kernel == 1 && stride == 1 && pad_begin == 0 && pad_end == 0; }
};

/// Depth, height and width; those that an image doesn't have are single elements.
using Windows = std::array<WindowAxis, 3>;

/// Windows that slide over an image [batch, channels, 1 to 3 sizes], with as many sizes of the kernel. Reads strides,
/// dilations, pads and auto_pad, all within bounds under which no arithmetic here overflows. `ceil`: a last window that
/// doesn't fit is still one, unless it would begin behind the image.
std::optional<Windows> sliding_windows(NodeView& node, const std::vector<int64_t>& image,
                                       const std::vector<int64_t>& kernel, bool ceil);

/// The windows of a transposed convolution: they slide over its output, so that `input` of each axis is the output's
/// size and `output` is the image's. Reads auto_pad, output_padding and output_shape.
std::optional<Windows> transposed_windows(NodeView& node, const std::vector<int64_t>& image,
                                          const std::vector<int64_t>& kernel);

/// [batch, channels, output sizes], with as many sizes as `image` has.
std::vector<int64_t> output_shape(const Windows& windows, const std::vector<int64_t>& image, int64_t channels);

}  // namespace sparsmith::ops

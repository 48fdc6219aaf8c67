/// \file
/// Operators that see an image pixel by pixel rather than tile by tile: 16 channels at a time are turned to lines of 16
/// channels, [pixel][16], in working memory that mostly stays in L1 or L2, and back. So the cuts of what comes and goes
/// don't matter, and what would be the halo of a small image, at times five times its size, costs nothing.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "model/step.h"

namespace sparsmith::model {

/// Lines of a block of 16 channels: pixel (y, x) is line first + y * row + x * column.
struct PixelFrame {
  int64_t lines = 0;
  int64_t first = 0, row = 0, column = 1;

  static PixelFrame of(int64_t height, int64_t width, int64_t pad_top = 0, int64_t pad_left = 0, int64_t pad_bottom = 0,
                       int64_t pad_right = 0);
};

/// One operator made ready for images of one size. Channel c of block b of Y is channel b * 16 + c.
class PixelOperator {
 public:
  /// Where channels of X go: channel c of block b of the frame is channel first + (16 * b + c) * step.
  struct Load {
    PixelFrame frame;
    int64_t first = 0, step = 1;
  };

  virtual ~PixelOperator() = default;
  /// From the lines of X to those of Y, but for lines that loads have put in place. `memory`: working lines.
  virtual void run(const float* x, int64_t block, float* memory, float* y) const;

  bool into_y = false;      ///< loads go to Y's lines, and nothing is computed
  std::vector<Load> loads;  ///< of X's lines, or of Y's
  PixelFrame output;
  int64_t working_lines = 0;
  float border = 0;  ///< what lines around the image hold
};

/// Pooling, Resize, DepthToSpace or a depthwise convolution layer of a float32 image; nothing where the node is
/// something else, or beyond what they do.
std::unique_ptr<PixelOperator> make_pixel_operator(const graph::Graph& graph, const graph::Node& node,
                                                   std::span<const std::optional<ops::Type>> inputs);

/// Whether a depthwise convolution takes less time by pixels than as a kernel on strips, whose halo is to be filled: by
/// what lines and multiply-adds were measured to cost. Below 28x28 mostly, and with large windows.
bool pays_by_pixels(const Conv2d& conv, int64_t channels);

}  // namespace sparsmith::model

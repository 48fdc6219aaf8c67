/// \file
/// The layouts of a spatial convolution's images, of every kind: how large they are, packing and unpacking. Strips are
/// described in strip.h; planes and rows, in which neighbouring lanes are neighbouring columns, here.
///
/// Both keep an image with its padding, zeros, and of a strided convolution every stride_h-th row and stride_w-th
/// column by itself, so that each tap of each output lies at a constant distance from the output's own:
///
///     planes  [batch][channels][stride_h][stride_w][rows][pitch], the right pads of a row being the left ones of the
///     next rows    [batch][padded rows][channels][stride_w][pitch]
///
/// Y lies like the X of a convolution with the same pads and stride 1, and kernels write zeros to its padding: where
/// the shapes are equal (image_shape_x of the next convolution == image_shape_y of this one), Y is the next one's X as
/// it stands. In planes they are when both pads are as wide as half of both kernels, at stride 1 and usually 2.
#pragma once

#include <cstdint>

#include "sparsmith/problem.h"

namespace sparsmith {

/// One operand's image in planes or rows: where the pixel at (channel, y, x) lies. Distances are floats.
struct ImageShape {
  int64_t channels = 0, height = 0, width = 0;  ///< of the plain image
  int64_t pad_top = 0, pad_left = 0;
  int64_t stride_h = 1, stride_w = 1;          ///< rows and columns that lie apart from each other
  int64_t padded_h = 0;                        ///< rows with padding
  int64_t pitch = 0;                           ///< columns that a row of one phase takes
  int64_t channel_floats = 0, row_floats = 0;  ///< from a channel to the next; from a row to the next stride_h rows on
  int64_t phase_h_floats = 0, phase_w_floats = 0;  ///< from a row, a column to the one beside it, below stride_h, _w
  int64_t tail = 0;    ///< floats behind the last row of a plane (planes) or of an image (rows)
  int64_t floats = 0;  ///< of the image, a multiple of 16

  /// Of row y and column x counted from the first padded ones.
  int64_t padded_offset(int64_t channel, int64_t y, int64_t x) const {
    return channel * channel_floats + y % stride_h * phase_h_floats + y / stride_h * row_floats +
           x % stride_w * phase_w_floats + x / stride_w;
  }
  int64_t offset(int64_t channel, int64_t y, int64_t x) const {
    return padded_offset(channel, y + pad_top, x + pad_left);
  }
  bool operator==(const ImageShape&) const = default;
};

/// Of X, with the convolution's channels, and of Y, with its m rows. `layout` is plane or row; `conv` must be valid:
/// every size at least 1, an output of at least 1 x 1.
ImageShape image_shape_x(Layout layout, const Conv2d& conv, int64_t channels);
ImageShape image_shape_y(Layout layout, const Conv2d& conv, int64_t m);

/// Floats of one image in any layout; plain: NCHW's.
int64_t image_floats_x(Layout layout, const Conv2d& conv, int64_t channels);
int64_t image_floats_y(Layout layout, const Conv2d& conv, int64_t m);

/// NCHW [batch, channels, height, width] to the convolution's X in any layout (plain: a copy). Any alignment; no
/// overlap.
void pack_images(Layout layout, const float* source, int64_t batch, int64_t channels, const Conv2d& conv,
                 float* packed);
/// The convolution's Y in any layout to NCHW [batch, m, out_height, out_width].
void unpack_images(Layout layout, const float* packed, int64_t batch, int64_t m, const Conv2d& conv, float* target);
/// The reverse of unpack_images: for a residual, or a Y to accumulate on.
void pack_output_images(Layout layout, const float* source, int64_t batch, int64_t m, const Conv2d& conv,
                        float* packed);

}  // namespace sparsmith

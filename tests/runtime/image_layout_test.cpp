// Planes and rows against their definition in image_layout.h: every pixel and every pad, both directions, nothing
// beside them.
#include "sparsmith/image_layout.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "sparsmith/panel.h"
#include "tests/runtime/call_buffers.h"

namespace sparsmith {
namespace {

using testing::PageEndBuffer;

std::vector<Conv2d> convolutions() {
  std::vector<Conv2d> all;
  for (const int64_t size : {1, 3, 7, 14, 33}) {
    for (const int64_t kernel : {1, 3, 5}) {
      for (const int64_t stride : {1, 2, 3}) {
        Conv2d conv{.height = size, .width = size + 2, .stride_h = stride, .stride_w = stride};
        conv.kernel_h = conv.kernel_w = kernel;
        conv.pad_top = kernel / 2;
        conv.pad_left = size % 2 == 0 ? kernel / 2 : kernel - 1;
        conv.pad_bottom = kernel - 1;
        conv.dilation_w = 1 + size % 2;
        conv.pad_right = size % 2 == 0 ? kernel / 2 : 2 * kernel;
        all.push_back(conv);
      }
    }
  }
  return all;
}

float tag(int64_t index) { return static_cast<float>(index + 1); }

TEST(ImageShape, HasTheSizesOfResNetsLayers) {
  Conv2d conv{.height = 14, .width = 14};
  conv.kernel_h = conv.kernel_w = 3;
  conv.pad_top = conv.pad_left = conv.pad_bottom = conv.pad_right = 1;
  const ImageShape plane = image_shape_x(Layout::plane, conv, 256), row = image_shape_x(Layout::row, conv, 256);
  EXPECT_EQ(plane.pitch, 15);  // one pad between neighbouring rows
  EXPECT_EQ(plane.channel_floats, 256);
  EXPECT_EQ(plane.floats, 256 * 256);
  EXPECT_EQ(row.pitch, 16);
  EXPECT_EQ(row.row_floats, 256 * 16);
  EXPECT_EQ(image_shape_y(Layout::plane, conv, 256), plane);
  EXPECT_EQ(image_shape_y(Layout::row, conv, 256), row);
  conv.stride_h = conv.stride_w = 2;
  conv.height = conv.width = 28;
  EXPECT_EQ(image_shape_y(Layout::plane, conv, 256), plane);
}

// What the code reads: for every output, channel and tap, sixteen floats from the tap's distance on.
TEST(ImageShape, EveryTapOfEveryOutputLiesAtItsDistance) {
  for (const Layout layout : {Layout::plane, Layout::row}) {
    for (const Conv2d& conv : convolutions()) {
      const int64_t channels = 2;
      const ImageShape x = image_shape_x(layout, conv, channels), y = image_shape_y(layout, conv, 3);
      EXPECT_EQ(x.floats % 16, 0);
      EXPECT_EQ(y.floats % 16, 0);
      std::vector<float> image(static_cast<size_t>(channels * conv.height * conv.width));
      for (size_t i = 0; i < image.size(); ++i) image[i] = tag(static_cast<int64_t>(i));
      std::vector<float> packed(static_cast<size_t>(x.floats), NAN);
      pack_images(layout, image.data(), 1, channels, conv, packed.data());
      for (int64_t oy = 0; oy < conv.out_height(); ++oy) {
        for (int64_t ox = 0; ox < conv.out_width(); ++ox) {
          EXPECT_LE(y.offset(2, oy, ox) + 16, y.floats);
          for (int64_t tap = 0; tap < conv.taps(); ++tap) {
            const int64_t ky = tap / conv.kernel_w * conv.dilation_h, kx = tap % conv.kernel_w * conv.dilation_w;
            const int64_t py = oy * conv.stride_h + ky - conv.pad_top, px = ox * conv.stride_w + kx - conv.pad_left;
            const bool inside = py >= 0 && py < conv.height && px >= 0 && px < conv.width;
            for (int64_t c = 0; c < channels; ++c) {
              const int64_t at = oy * x.row_floats + ox + x.padded_offset(c, ky, kx);
              ASSERT_LE(at + 16, x.floats);
              ASSERT_EQ(packed[static_cast<size_t>(at)], inside ? tag((c * conv.height + py) * conv.width + px) : 0.0f)
                  << conv.height << "x" << conv.width << " stride " << conv.stride_h << " kernel " << conv.kernel_h;
            }
          }
        }
      }
    }
  }
}

TEST(Images, EveryFloatIsAPixelOrZero) {
  for (const Layout layout : {Layout::plane, Layout::row}) {
    for (const Conv2d& conv : convolutions()) {
      const int64_t batch = 2, channels = 3;
      PageEndBuffer image(batch * channels * conv.height * conv.width),
          packed(batch * image_floats_x(layout, conv, channels));
      for (int64_t i = 0; i < image.size(); ++i) image.data()[i] = 1;
      std::fill_n(packed.data(), packed.size(), NAN);
      pack_images(layout, image.data(), batch, channels, conv, packed.data());
      for (int64_t i = 0; i < packed.size(); ++i) ASSERT_TRUE(packed.data()[i] == 0 || packed.data()[i] == 1) << i;
    }
  }
}

TEST(Images, OutputsComeBackAndStayInBounds) {
  for (const Layout layout : {Layout::plain, Layout::panel, Layout::plane, Layout::row}) {
    for (const Conv2d& conv : convolutions()) {
      const int64_t batch = 2, rows = 5;
      PageEndBuffer image(batch * rows * conv.out_height() * conv.out_width()),
          packed(batch * image_floats_y(layout, conv, rows)), back(image.size());
      for (int64_t i = 0; i < image.size(); ++i) image.data()[i] = tag(i);
      std::fill_n(packed.data(), packed.size(), NAN);
      std::fill_n(back.data(), back.size(), NAN);
      pack_output_images(layout, image.data(), batch, rows, conv, packed.data());
      unpack_images(layout, packed.data(), batch, rows, conv, back.data());
      for (int64_t i = 0; i < image.size(); ++i) ASSERT_EQ(back.data()[i], tag(i));
      for (int64_t i = 0; i < packed.size(); ++i) ASSERT_FALSE(std::isnan(packed.data()[i]));
    }
  }
}

}  // namespace
}  // namespace sparsmith

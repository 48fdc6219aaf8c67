// Strips against their definition in strip.h: every position of every lane, both directions, nothing beside them.
#include "sparsmith/strip.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "runtime/strip_copy.h"
#include "sparsmith/panel.h"
#include "tests/runtime/call_buffers.h"

namespace sparsmith {
namespace {

using testing::PageEndBuffer;

std::vector<Conv2d> convolutions() {
  std::vector<Conv2d> all;
  for (const int64_t size : {1, 3, 7, 13, 14, 33}) {
    for (const int64_t kernel : {1, 3, 5}) {
      for (const int64_t stride : {1, 2, 3}) {
        Conv2d conv{.height = size, .width = size + 2, .stride_h = stride, .stride_w = stride};
        conv.kernel_h = conv.kernel_w = kernel;
        conv.pad_top = kernel / 2;
        conv.pad_left = kernel - 1;
        conv.pad_bottom = kernel - 1;
        conv.dilation_w = 1 + size % 2;
        conv.pad_right = 2 * kernel;
        all.push_back(conv);
      }
    }
  }
  return all;
}

float tag(int64_t index) { return static_cast<float>(index + 1); }

TEST(StripShape, CoversTheOutputWithSixteenTilesAndItsReach) {
  for (const Conv2d& conv : convolutions()) {
    const StripShape shape = strip_shape(conv);
    EXPECT_EQ(shape.grid_h * shape.grid_w, 16);
    EXPECT_GE(shape.grid_h * shape.tile_h, conv.out_height());
    EXPECT_GE(shape.grid_w * shape.tile_w, conv.out_width());
    EXPECT_EQ(shape.step_h, shape.tile_h * conv.stride_h);
    EXPECT_EQ(shape.x_w, (shape.tile_w - 1) * conv.stride_w + conv.dilation_w * (conv.kernel_w - 1) + 1);
  }
  // ResNet's images: full tiles at 56 and 28, seven eighths of them at 14.
  const auto positions = [](int64_t size) {
    Conv2d conv{.height = size, .width = size};
    conv.kernel_h = conv.kernel_w = 3;
    conv.pad_top = conv.pad_left = conv.pad_bottom = conv.pad_right = 1;
    return strip_shape(conv).y_positions();
  };
  EXPECT_EQ(positions(56), 196);
  EXPECT_EQ(positions(28), 49);
  EXPECT_EQ(positions(14), 14);
  EXPECT_EQ(positions(7), 4);
}

TEST(Strips, PackedInputIsTheImageSeenFromEveryTile) {
  for (const Conv2d& conv : convolutions()) {
    const StripShape shape = strip_shape(conv);
    const int64_t batch = 2, channels = 3, plane = conv.height * conv.width;
    PageEndBuffer image(batch * channels * plane), strips(batch * shape.x_floats(channels));
    for (int64_t i = 0; i < image.size(); ++i) image.data()[i] = tag(i);
    std::fill_n(strips.data(), strips.size(), NAN);
    pack_strips(image.data(), batch, channels, conv, strips.data());
    const float* at = strips.data();
    for (int64_t b = 0; b < batch; ++b) {
      for (int64_t position = 0; position < shape.x_positions(); ++position) {
        for (int64_t c = 0; c < channels; ++c) {
          for (int64_t lane = 0; lane < 16; ++lane, ++at) {
            const int64_t y = lane / shape.grid_w * shape.step_h + position / shape.x_w - conv.pad_top;
            const int64_t x = lane % shape.grid_w * shape.step_w + position % shape.x_w - conv.pad_left;
            const bool inside = y >= 0 && y < conv.height && x >= 0 && x < conv.width;
            ASSERT_EQ(*at, inside ? tag((b * channels + c) * plane + y * conv.width + x) : 0.0f)
                << conv.height << "x" << conv.width << " lane " << lane << " position " << position;
          }
        }
      }
    }
  }
}

TEST(Strips, OutputsComeBackAndStayInBounds) {
  for (const Conv2d& conv : convolutions()) {
    const StripShape shape = strip_shape(conv);
    const int64_t batch = 2, rows = 5;
    PageEndBuffer image(batch * rows * conv.out_height() * conv.out_width()), strips(batch * shape.y_floats(rows)),
        back(image.size());
    for (int64_t i = 0; i < image.size(); ++i) image.data()[i] = tag(i);
    std::fill_n(back.data(), back.size(), NAN);
    pack_output_strips(image.data(), batch, rows, conv, strips.data());
    unpack_strips(strips.data(), batch, rows, conv, back.data());
    for (int64_t i = 0; i < image.size(); ++i) ASSERT_EQ(back.data()[i], tag(i));
  }
}

#if defined(__x86_64__)
TEST(StripCopies, AgreeBitByBit) {
  if (!__builtin_cpu_supports("avx512f")) GTEST_SKIP() << "this CPU has no AVX-512 to compare with";
  StripLanes lanes;
  const int64_t count = 37, channels = 5, plane = 700;
  for (size_t l = 0; l < 16; ++l) {
    lanes.begin[l] = static_cast<int64_t>(l % 4);
    lanes.end[l] = l == 3 ? 0 : count - static_cast<int64_t>(l % 5) * 4;
    if (l == 3) lanes.begin[l] = 0;
    lanes.offset[l] = static_cast<int64_t>(l) * 40 - lanes.begin[l];
  }
  std::vector<float> planes(static_cast<size_t>(channels * plane));
  for (size_t i = 0; i < planes.size(); ++i) planes[i] = tag(static_cast<int64_t>(i));
  std::vector<float> expected(static_cast<size_t>(count * channels * 16), NAN), actual(expected);
  kPortableStripCopy.pack_row(lanes, count, channels, planes.data(), plane, expected.data());
  kAvx512StripCopy.pack_row(lanes, count, channels, planes.data(), plane, actual.data());
  EXPECT_EQ(expected, actual);

  std::vector<float> unpacked(planes.size(), -1.0f), unpacked_too(unpacked);
  kPortableStripCopy.unpack_row(lanes, count, channels, expected.data(), unpacked.data(), plane);
  kAvx512StripCopy.unpack_row(lanes, count, channels, expected.data(), unpacked_too.data(), plane);
  EXPECT_EQ(unpacked, unpacked_too);
}
#endif

}  // namespace
}  // namespace sparsmith

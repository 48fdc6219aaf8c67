// Values handed on in strips, against packing them anew: interiors, halos, other cuts.
#include <gmock/gmock.h>

#include <cmath>
#include <cstring>
#include <random>
#include <sstream>
#include <vector>

#include "runtime/line_merge.h"
#include "sparsmith/strip.h"
#include "tests/runtime/call_buffers.h"
#include "tests/runtime/hooks.h"
#include "tests/runtime/panel_runs.h"

namespace sparsmith {
namespace {

using ::testing::HasSubstr;
using testing::PageEndBuffer;

constexpr int64_t kLanes = kPanelWidth;

// Kernels of up to 7, strides of up to 3, dilations, pads beyond what networks have.
Conv2d random_conv(std::mt19937& rng) {
  const auto upto = [&](int64_t most) { return static_cast<int64_t>(rng() % static_cast<uint64_t>(most + 1)); };
  while (true) {
    Conv2d conv{.height = 1 + upto(30), .width = 1 + upto(30), .stride_h = 1 + upto(2), .stride_w = 1 + upto(2)};
    conv.kernel_h = 1 + upto(6);
    conv.kernel_w = 1 + upto(6);
    conv.dilation_h = 1 + upto(3) / 2;
    conv.dilation_w = 1 + upto(3) / 2;
    // Mostly as much padding as keeps the size; else any.
    const bool same = upto(3) > 0;
    const int64_t reach_h = conv.dilation_h * (conv.kernel_h - 1), reach_w = conv.dilation_w * (conv.kernel_w - 1);
    conv.pad_top = same ? upto(reach_h) : upto(4);
    conv.pad_left = same ? upto(reach_w) : upto(4);
    conv.pad_bottom = same ? reach_h - conv.pad_top : upto(4);
    conv.pad_right = same ? reach_w - conv.pad_left : upto(4);
    const bool fits =
        reach_h < conv.height + conv.pad_top + conv.pad_bottom && reach_w < conv.width + conv.pad_left + conv.pad_right;
    if (fits) return conv;
  }
}

std::string describe(const Conv2d& conv) {
  std::ostringstream text;
  text << conv.height << "x" << conv.width << " kernel " << conv.kernel_h << "x" << conv.kernel_w << " stride "
       << conv.stride_h << "," << conv.stride_w << " dilation " << conv.dilation_h << "," << conv.dilation_w << " pads "
       << conv.pad_top << "," << conv.pad_left << "," << conv.pad_bottom << "," << conv.pad_right;
  return text.str();
}

std::vector<float> random_image(int64_t floats, std::mt19937& rng) {
  std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
  std::vector<float> image(static_cast<size_t>(floats));
  for (float& value : image) value = uniform(rng);
  return image;
}

// Where a value's pixel lies, by the definition in strip.h.
int64_t place(const StripGrid& grid, const PanelRuns& runs, int64_t channels, int64_t image, int64_t c, int64_t y,
              int64_t x) {
  const int64_t lane = y / grid.tile_h * grid.grid_w + x / grid.tile_w;
  const int64_t position = y % grid.tile_h * grid.tile_w + x % grid.tile_w;
  return (runs.at(image * grid.positions() + position) * channels + c) * kLanes + lane;
}

// visit(float number of the NCHW image, place of it in the value).
template <class Visit>
void for_each_pixel(const StripGrid& grid, const PanelRuns& runs, int64_t batch, int64_t channels, const Visit& visit) {
  int64_t number = 0;
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t y = 0; y < grid.height; ++y) {
        for (int64_t x = 0; x < grid.width; ++x) visit(number++, place(grid, runs, channels, b, c, y, x));
      }
    }
  }
}

bool same_bits(const float* a, const float* b, int64_t floats) {
  return std::memcmp(a, b, static_cast<size_t>(floats) * sizeof(float)) == 0;
}

TEST(PanelRuns, NumberPanelsOneAfterTheOther) {
  std::mt19937 rng(3);
  for (int i = 0; i < 300; ++i) {
    const int64_t panels = 1 + static_cast<int64_t>(rng() % 60);
    const PanelRuns runs = testing::random_runs(rng, panels);
    for (int64_t p = 0; p + 1 < panels; ++p) {
      const int64_t count = panels - p, side = runs.side_by_side(p, count);
      ASSERT_GE(side, 1);
      ASSERT_LE(side, count);
      for (int64_t j = 0; j < side; ++j) ASSERT_EQ(runs.at(p + j), runs.at(p) + j);
      ASSERT_GT(runs.at(p + 1), runs.at(p));
    }
  }
}

TEST(StripInterior, IsWhereXHoldsEachPixelInItsOwnTile) {
  std::mt19937 rng(5);
  int with = 0;
  for (int i = 0; i < 2000; ++i) {
    const Conv2d conv = random_conv(rng);
    SCOPED_TRACE(describe(conv));
    const StripShape shape = strip_shape(conv);
    const std::optional<StripInterior> interior = strip_interior(conv);
    // Of a tile's own pixels some may lie outside of X, or of the image's some in no tile.
    const bool whole = shape.grid_h * shape.step_h >= conv.height && shape.grid_w * shape.step_w >= conv.width &&
                       shape.x_h - conv.pad_top >= shape.step_h && shape.x_w - conv.pad_left >= shape.step_w;
    ASSERT_EQ(interior.has_value(), whole);
    if (!interior) continue;
    ++with;
    const int64_t batch = 2, channels = 3;
    const std::vector<float> image = random_image(batch * channels * conv.height * conv.width, rng);
    std::vector<float> strips(static_cast<size_t>(batch * shape.x_floats(channels)));
    pack_strips(image.data(), batch, channels, conv, strips.data());
    const float* const first = strips.data() + interior->first * channels * kLanes;
    for_each_pixel(interior->grid, interior->runs, batch, channels,
                   [&](int64_t pixel, int64_t at) { ASSERT_EQ(first[at], image[static_cast<size_t>(pixel)]); });
    if (HasFatalFailure()) return;
    std::vector<float> back(image.size(), NAN);
    unpack_strips(first, batch, channels, interior->grid, interior->runs, back.data());
    ASSERT_EQ(back, image);
  }
  EXPECT_GT(with, 500);
}

TEST(StripInterior, LayersOfOneResolutionLink) {
  const auto conv = [](int64_t size, int64_t stride) {
    Conv2d c{.height = size, .width = size, .stride_h = stride, .stride_w = stride};
    c.kernel_h = c.kernel_w = 3;
    c.pad_top = c.pad_left = c.pad_bottom = c.pad_right = 1;
    return c;
  };
  for (const int64_t size : {112, 56, 28, 14, 7}) EXPECT_TRUE(can_link(output_grid(conv(size, 1)), conv(size, 1)));
  EXPECT_TRUE(can_link(output_grid(conv(112, 1)), conv(112, 2)));
  EXPECT_TRUE(can_link(output_grid(conv(56, 1)), conv(56, 2)));
  EXPECT_FALSE(can_link(output_grid(conv(28, 1)), conv(28, 2)));  // 7x7 tiles, and steps of 14x4
  EXPECT_FALSE(can_link(output_grid(conv(56, 1)), conv(55, 1)));
  Conv2d no_padding = conv(56, 1);
  no_padding.pad_top = no_padding.pad_left = no_padding.pad_bottom = no_padding.pad_right = 0;
  EXPECT_FALSE(strip_interior(no_padding));
}

TEST(StripHalo, FilledFromTheInteriorIsXAsPacked) {
  std::mt19937 rng(7);
  const ParallelFor backwards = testing::backwards(3), own = testing::own_threads(2);
  for (int i = 0; i < 1200; ++i) {
    const Conv2d conv = random_conv(rng);
    const std::optional<StripInterior> interior = strip_interior(conv);
    if (!interior) continue;
    SCOPED_TRACE(describe(conv));
    const int64_t batch = 1 + i % 3, channels = i % 50 == 0 ? 150 : 1 + i % 9;
    const std::vector<float> image = random_image(batch * channels * conv.height * conv.width, rng);
    PageEndBuffer expected(batch * strip_shape(conv).x_floats(channels)), strips(expected.size());
    pack_strips(image.data(), batch, channels, conv, expected.data());
    for (const int threads : {1, 3}) {
      for (const ParallelFor* hook : {static_cast<const ParallelFor*>(nullptr), i % 2 == 0 ? &backwards : &own}) {
        std::fill_n(strips.data(), strips.size(), NAN);
        float* const first = strips.data() + interior->first * channels * kLanes;
        for_each_pixel(interior->grid, interior->runs, batch, channels,
                       [&](int64_t pixel, int64_t at) { first[at] = image[static_cast<size_t>(pixel)]; });
        ASSERT_TRUE(fill_strip_halo(strips.data(), batch, channels, conv, threads, hook).ok());
        ASSERT_TRUE(same_bits(strips.data(), expected.data(), expected.size()));
      }
    }
  }
}

// Any cut: 1x16 to 16x1 tiles, larger than need be.
StripGrid random_grid(int64_t height, int64_t width, std::mt19937& rng) {
  StripGrid grid{.height = height, .width = width, .grid_h = int64_t{1} << rng() % 5};
  grid.grid_w = kLanes / grid.grid_h;
  grid.tile_h = (height + grid.grid_h - 1) / grid.grid_h + static_cast<int64_t>(rng() % 3) / 2;
  grid.tile_w = (width + grid.grid_w - 1) / grid.grid_w + static_cast<int64_t>(rng() % 3) / 2;
  return grid;
}

PanelRuns random_rows(const StripGrid& grid, std::mt19937& rng) {
  const auto upto = [&](int64_t most) { return static_cast<int64_t>(rng() % static_cast<uint64_t>(most + 1)); };
  if (upto(2) == 0) return {};
  PanelRuns runs{.run = grid.tile_w, .pitch = grid.tile_w + upto(3)};
  if (upto(1) == 0) return runs;
  runs.image_runs = grid.tile_h;
  runs.image_pitch = grid.tile_h * runs.pitch + upto(4);
  return runs;
}

TEST(StripRegrid, AnyCutToAnyConvolutionIsXAsPacked) {
  std::mt19937 rng(11);
  const ParallelFor own = testing::own_threads(2);
  for (int i = 0; i < 1500; ++i) {
    const Conv2d conv = random_conv(rng);
    const StripGrid grid = random_grid(conv.height, conv.width, rng);
    const PanelRuns runs = random_rows(grid, rng);
    SCOPED_TRACE(describe(conv) + ", from " + std::to_string(grid.grid_h) + "x" + std::to_string(grid.grid_w) +
                 " tiles of " + std::to_string(grid.tile_h) + "x" + std::to_string(grid.tile_w));
    const int64_t batch = 1 + i % 3, channels = i % 50 == 0 ? 150 : 1 + i % 9;
    const std::vector<float> image = random_image(batch * channels * conv.height * conv.width, rng);
    PageEndBuffer expected(batch * strip_shape(conv).x_floats(channels)), strips(expected.size());
    pack_strips(image.data(), batch, channels, conv, expected.data());
    PageEndBuffer value((runs.at(batch * grid.positions() - 1) + 1) * channels * kLanes);
    std::fill_n(value.data(), value.size(), NAN);
    for_each_pixel(grid, runs, batch, channels,
                   [&](int64_t pixel, int64_t at) { value.data()[at] = image[static_cast<size_t>(pixel)]; });
    for (const int threads : {1, 3}) {
      for (const ParallelFor* hook : {static_cast<const ParallelFor*>(nullptr), &own}) {
        std::fill_n(strips.data(), strips.size(), NAN);
        ASSERT_TRUE(regrid_strips(value.data(), grid, runs, batch, channels, conv, strips.data(), threads, hook).ok());
        ASSERT_TRUE(same_bits(strips.data(), expected.data(), expected.size()));
      }
    }
    std::vector<float> back(image.size(), NAN);
    unpack_strips(value.data(), batch, channels, grid, runs, back.data());
    ASSERT_EQ(back, image);
    if (runs.run > 0) continue;
    pack_strips(image.data(), batch, channels, grid, value.data());
    for_each_pixel(grid, runs, batch, channels,
                   [&](int64_t pixel, int64_t at) { ASSERT_EQ(value.data()[at], image[static_cast<size_t>(pixel)]); });
  }
}

TEST(StripLinks, SayWhatIsWrong) {
  std::vector<float> memory(100000);
  float* const x = memory.data();
  Conv2d conv{.height = 8, .width = 8};
  conv.kernel_h = conv.kernel_w = 3;
  const auto text = [](const Status& status) { return status.ok() ? std::string() : status.error().message; };
  EXPECT_THAT(text(fill_strip_halo(x, 1, 4, conv)), HasSubstr("over 8x8 has no interior in strips"));
  conv.pad_top = conv.pad_left = conv.pad_bottom = conv.pad_right = 1;
  EXPECT_EQ(text(fill_strip_halo(x, 1, 4, conv)), "");
  EXPECT_THAT(text(fill_strip_halo(x, 0, 4, conv)), HasSubstr("batch = 0"));
  EXPECT_THAT(text(fill_strip_halo(x, 1, 0, conv)), HasSubstr("strips of 0 channels"));
  EXPECT_THAT(text(fill_strip_halo(x, 1, 4, conv, 0)), HasSubstr("threads = 0"));
  const ParallelFor nothing{};
  EXPECT_THAT(text(fill_strip_halo(x, 1, 4, conv, 1, &nothing)), HasSubstr("no function to run parts with"));
  const StripGrid grid = output_grid(conv);
  float* const y = x + 50000;
  EXPECT_EQ(text(regrid_strips(x, grid, {}, 1, 4, conv, y)), "");
  StripGrid other = grid;
  other.height = 9;
  EXPECT_THAT(text(regrid_strips(x, other, {}, 1, 4, conv, y)), HasSubstr("a value of 9x8 for a convolution over 8x8"));
  other = grid;
  other.tile_h = 1;
  EXPECT_THAT(text(regrid_strips(x, other, {}, 1, 4, conv, y)), HasSubstr("are no cut of an image of 8x8"));
  const PanelRuns runs{.run = grid.tile_w + 1, .pitch = grid.tile_w + 1};
  EXPECT_THAT(text(regrid_strips(x, grid, runs, 1, 4, conv, y)), HasSubstr("runs of"));
}

TEST(LineMerges, AgreeBitByBit) {
  std::vector<const LineMerge*> others;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) others.push_back(&kAvx2LineMerge);
  if (__builtin_cpu_supports("avx512f")) others.push_back(&kAvx512LineMerge);
#endif
  if (others.empty()) GTEST_SKIP() << "this CPU has no vectors to compare with";
  std::mt19937 rng(13);
  for (int i = 0; i < 300; ++i) {
    const int64_t channels = 1 + i % 11;
    const std::vector<float> lines = random_image(4 * channels * kLanes, rng);
    std::vector<LineSource> sources(static_cast<size_t>(i % 5));
    uint32_t left = 0xffff;
    for (LineSource& source : sources) {
      source.lines = lines.data() + static_cast<int64_t>(rng() % 4) * channels * kLanes;
      for (uint8_t& from : source.from) from = static_cast<uint8_t>(rng() % 16);
      source.lanes = static_cast<uint16_t>(rng() & left);
      left &= ~uint32_t{source.lanes};
    }
    std::vector<float> expected(static_cast<size_t>(channels * kLanes), NAN);
    kPortableLineMerge.merge(sources, channels, expected.data());
    for (const LineMerge* merge : others) {
      std::vector<float> actual(expected.size(), NAN);
      merge->merge(sources, channels, actual.data());
      ASSERT_EQ(actual, expected);
      std::fill(actual.begin(), actual.end(), 1.0f);
      std::vector<float> ones = actual;
      kPortableLineMerge.clear(static_cast<uint16_t>(left), channels, ones.data());
      merge->clear(static_cast<uint16_t>(left), channels, actual.data());
      ASSERT_EQ(actual, ones);
    }
  }
}

}  // namespace
}  // namespace sparsmith

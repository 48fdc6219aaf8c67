// Spatial convolutions: each option by itself and against the others, depthwise ones, and errors. Random combinations
// are the sweep's.
#include <gmock/gmock.h>

#include <cmath>

#include "tests/correctness/layer_case.h"

namespace sparsmith {
namespace {

using ::testing::HasSubstr;
using testing::LayerCase;

Conv2d square(int64_t size, int64_t kernel, int64_t stride = 1) {
  Conv2d conv{.height = size, .width = size, .stride_h = stride, .stride_w = stride};
  conv.kernel_h = conv.kernel_w = kernel;
  conv.pad_top = conv.pad_left = conv.pad_bottom = conv.pad_right = kernel / 2;
  return conv;
}

constexpr ImageLayout kImages[] = {ImageLayout::strips, ImageLayout::planes, ImageLayout::rows};
constexpr Layout kLayouts[] = {Layout::plain, Layout::panel, Layout::plane, Layout::row};

class Spatial : public testing::PerTarget {
 protected:
  /// The layer with code that sees images in each layout, a tile that divides nothing and blocks.
  ::testing::AssertionResult check_images(LayerCase c) {
    for (const ImageLayout images : kImages) {
      c.schedule = Schedule{.tile_rows = 4, .images = images};
      if (auto result = check_layer(c); !result) return result;
    }
    return ::testing::AssertionSuccess();
  }
  LayerCase layer(const Conv2d& conv, int64_t rows, int64_t group_channels) {
    LayerCase c{.m = rows, .k = group_channels * conv.taps(), .density = 0.3, .target = target(), .threads = 2};
    c.problem.conv = conv;
    c.problem.epilogue.bias = true;
    c.problem.epilogue.activation = Activation::relu;
    c.seed = ++seed_;
    return c;
  }
  uint32_t seed_ = 0;
};

TEST_P(Spatial, EveryKernelStrideAndSize) {
  for (const int64_t kernel : {1, 2, 3, 5, 7}) {
    for (const int64_t stride : {1, 2, 3}) {
      for (const int64_t size : {1, 2, 7, 14, 17}) {
        Conv2d conv = square(size, kernel, stride);
        if (kernel == 1) conv.pad_left = 1;  // else it is pointwise
        if (kernel == 2) conv.pad_bottom = 0;
        ASSERT_TRUE(check_images(layer(conv, 9, 4)));
      }
    }
  }
}

TEST_P(Spatial, LayoutsBatchesAndResiduals) {
  for (const Layout x : kLayouts) {
    for (const Layout y : kLayouts) {
      if (x != y && x != Layout::plain && y != Layout::plain) continue;
      for (int64_t batch = 1; batch <= 3; ++batch) {
        LayerCase c = layer(square(9, 3), 35, 6);
        c.problem.x_layout = x;
        c.problem.y_layout = y;
        c.shape.batch = batch;
        c.problem.epilogue.residual = batch == 1   ? Residual::none
                                      : batch == 2 ? Residual::before_activation
                                                   : Residual::after_activation;
        c.problem.epilogue.accumulate = batch == 3;
        ASSERT_TRUE(check_layer(c));
      }
    }
  }
}

TEST_P(Spatial, DepthwiseFormsOfEveryWidth) {
  for (const int64_t kernel : {3, 5}) {
    for (const int64_t stride : {1, 2}) {
      for (const int64_t multiplier : {1, 2, 3}) {
        for (const double density : {1.0, 0.5}) {
          for (int32_t panels = 1; panels <= 5; ++panels) {
            Conv2d conv = square(22, kernel, stride);
            conv.groups = 7;
            LayerCase c = layer(conv, 7 * multiplier, 1);
            c.density = density;
            c.schedule = Schedule{.form = Form::depthwise,
                                  .tile_rows = 5 * panels,
                                  .panels_per_pass = panels,
                                  .images = kImages[(panels + multiplier) % 3]};
            c.problem.epilogue.residual = Residual::after_activation;
            c.problem.epilogue.activation = panels == 2 ? Activation::hard_swish : Activation::prelu;
            c.problem.epilogue.accumulate = panels == 3;
            ASSERT_TRUE(check_layer(c));
          }
        }
      }
    }
  }
}

// Passes of two and more rows of positions; images whose tiles are one to seven positions high and wide.
TEST_P(Spatial, DepthwisePassesOfSeveralRows) {
  const int most = Target::parse(target())->isa() == Isa::avx512 ? 30 : 5;
  int several = 0;
  for (const int64_t size : {5, 7, 8, 11, 14, 16, 22, 28}) {
    for (const int64_t stride : {1, 2}) {
      Conv2d conv = square(size, 3, stride);
      conv.groups = 6;
      const StripShape strips = strip_shape(conv);
      for (int64_t rows = 2; rows <= strips.tile_h && rows * strips.tile_w <= most; ++rows) {
        LayerCase c = layer(conv, 12, 1);
        c.density = rows % 2 == 0 ? 1.0 : 0.6;
        c.shape.batch = 2;
        c.schedule = Schedule{
            .form = Form::depthwise, .tile_rows = 5, .panels_per_pass = static_cast<int32_t>(rows * strips.tile_w)};
        c.problem.x_layout = c.problem.y_layout = stride == 1 ? Layout::panel : Layout::plain;
        c.problem.epilogue.residual = Residual::after_activation;
        c.problem.epilogue.accumulate = rows == 3;
        ASSERT_TRUE(check_layer(c));
        ++several;
      }
    }
  }
  EXPECT_GE(several, most > 10 ? 15 : 3) << "the sizes don't bring the tiles that this is about";
}

TEST_P(Spatial, ANanReachesOnlyTheOutputsWhoseTapsTouchIt) {
  LayerCase c = layer(square(19, 3), 8, 3);
  c.density = 0.15;
  c.shape.special = 0.02;
  for (const Layout layout : kLayouts) {
    c.problem.x_layout = c.problem.y_layout = layout;
    ASSERT_TRUE(layout == Layout::plain ? check_images(c) : check_layer(c));
  }
}

TEST_P(Spatial, GroupsThatAreNotDepthwise) {
  for (const int64_t groups : {2, 5}) {
    for (const WeightOrder order : {WeightOrder::oihw, WeightOrder::hwc}) {
      Conv2d conv = square(11, 3);
      conv.groups = groups;
      conv.order = order;
      ASSERT_TRUE(check_images(layer(conv, groups * 9, 4)));
    }
  }
}

TEST_P(Spatial, PadsAndDilationsOfEverySide) {
  for (const ImageLayout images : kImages) {
    for (int64_t i = 0; i < 24; ++i) {
      Conv2d conv{.height = 5 + i % 7, .width = 6 + i % 5, .stride_h = 1 + i % 2, .stride_w = 1 + i / 2 % 2};
      conv.kernel_h = 1 + i % 4;
      conv.kernel_w = 1 + i / 3 % 4;
      conv.dilation_h = 1 + i / 5 % 2;
      conv.dilation_w = 1 + i / 7 % 3;
      conv.pad_top = i % 3;
      conv.pad_left = i / 2 % 5;
      conv.pad_bottom = i / 3 % 4;
      conv.pad_right = 4 - i % 5;
      if (conv.pointwise() || conv.out_width() < 1) conv.kernel_w = 2;
      LayerCase c = layer(conv, 7, 3);
      c.shape.batch = 1 + i % 2;
      c.schedule = Schedule{.form = i % 4 == 3 ? Form::dense : Form::sparse,
                            .tile_rows = 2,
                            .panels_per_pass = static_cast<int32_t>(1 + i % 2),
                            .k_block = i % 3 == 0 ? conv.taps() : 0,
                            .n_block = i % 5,
                            .images = images};
      c.problem.epilogue.accumulate = i % 6 == 0;
      if (i % 2 == 1) c.problem.x_layout = static_cast<Layout>(1 + static_cast<int>(images));
      if (i / 2 % 2 == 1) c.problem.y_layout = static_cast<Layout>(1 + static_cast<int>(images));
      ASSERT_TRUE(check_layer(c));
    }
  }
}

// Y of one layer as it stands is X of the next, and nothing is packed between them.
TEST_P(Spatial, OutputsInPlanesAndRowsAreInputsOfTheNext) {
  for (const Layout layout : {Layout::plane, Layout::row}) {
    for (const int64_t stride : {1, 2}) {
      const Conv2d conv = square(14, 3, stride), next = square(conv.out_height(), 3);
      const LayerCase first = layer(conv, 9, 4), second = layer(next, 5, 9);
      ASSERT_EQ(image_shape_y(layout, conv, 9), image_shape_x(layout, next, 9));
      const auto compiled = [&](const LayerCase& c, Layout x, Layout y) {
        Problem problem;
        problem.conv = c.problem.conv;
        problem.x_layout = x;
        problem.y_layout = y;
        CompileOptions options;
        options.target = target();
        return std::move(compile(make_weights(c), problem, {}, options)).value();
      };
      std::vector<float> x(4 * 14 * 14), between(9 * next.height * next.width), expected(5 * next.height * next.width),
          chained(static_cast<size_t>(image_floats_x(layout, next, 9)), NAN), actual(expected);
      for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i * 37 % 64) / 32 - 1;
      const auto run = [](const Kernel& kernel, const std::vector<float>& in, std::vector<float>& out) {
        RunArgs args;
        args.x = in.data();
        args.y = out.data();
        return kernel.run(args).ok();
      };
      ASSERT_TRUE(run(compiled(first, Layout::plain, Layout::plain), x, between));
      ASSERT_TRUE(run(compiled(second, Layout::plain, Layout::plain), between, expected));
      ASSERT_TRUE(run(compiled(first, Layout::plain, layout), x, chained));
      ASSERT_TRUE(run(compiled(second, layout, Layout::plain), chained, actual));
      for (size_t i = 0; i < expected.size(); ++i) ASSERT_NEAR(actual[i], expected[i], 1e-4f);
    }
  }
}

SPARSMITH_FOR_EACH_TARGET(Spatial);

class SpatialErrors : public ::testing::Test {
 protected:
  std::string message(const Conv2d& conv, int64_t m = 4, int64_t k = 18, Layout x = Layout::plain,
                      Layout y = Layout::plain) {
    const std::vector<float> dense(static_cast<size_t>(m * k), 1.0f);
    Problem problem;
    problem.conv = conv;
    problem.x_layout = x;
    problem.y_layout = y;
    const Result<Kernel> kernel = compile(*Weights::from_dense({dense.data(), m, k, k}), problem);
    return kernel.ok() ? "" : kernel.error().message;
  }
};

TEST_F(SpatialErrors, NameWhatIsWrong) {
  EXPECT_EQ(message(square(8, 3)), "");
  Conv2d conv = square(8, 3);
  conv.groups = 3;
  EXPECT_THAT(message(conv), HasSubstr("4 output channels can't be divided into 3 groups"));
  conv = square(8, 3);
  conv.pad_left = -1;
  EXPECT_THAT(message(conv), HasSubstr("a pad of -1"));
  EXPECT_THAT(message(square(8, 4)), HasSubstr("18 columns can't have a kernel of 4x4"));
  conv = square(8, 3);
  conv.dilation_h = 5;
  EXPECT_THAT(message(conv), HasSubstr("larger than the padded input of 10x10"));
  conv = square(8, 3);
  conv.stride_w = 0;
  EXPECT_THAT(message(conv), HasSubstr("all must be 1 or more"));
  conv = square(8, 3);
  conv.kernel_h = int64_t{1} << 40;
  EXPECT_THAT(message(conv), HasSubstr("at most"));
  conv = square(1 << 27, 3);
  EXPECT_THAT(message(conv), HasSubstr("positions; at most"));
  conv = square(8, 3);
  conv.pad_top = conv.pad_bottom = conv.pad_left = conv.pad_right = 1 << 27;
  EXPECT_THAT(message(conv), HasSubstr("outputs; at most"));
  EXPECT_THAT(message(square(8, 3), 4, 18, Layout::plane, Layout::row), HasSubstr("X in planes to Y in rows"));
  EXPECT_THAT(message(Conv2d{8, 8}, 4, 18, Layout::plane, Layout::plain), HasSubstr("isn't a spatial convolution"));
  conv = square(16000, 3);
  EXPECT_THAT(message(conv), HasSubstr("strips of"));
}

}  // namespace
}  // namespace sparsmith

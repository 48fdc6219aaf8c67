// Spatial convolutions: each option by itself and against the others, depthwise ones, and errors. Random combinations
// are the sweep's.
#include <gmock/gmock.h>

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

class Spatial : public testing::PerTarget {
 protected:
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
        ASSERT_TRUE(check_layer(layer(conv, 9, 4)));
      }
    }
  }
}

TEST_P(Spatial, LayoutsBatchesAndResiduals) {
  for (const Layout x : {Layout::plain, Layout::panel}) {
    for (const Layout y : {Layout::plain, Layout::panel}) {
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
            c.schedule = Schedule{.form = Form::depthwise, .tile_rows = 5 * panels, .panels_per_pass = panels};
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
  for (const Layout layout : {Layout::plain, Layout::panel}) {
    c.problem.x_layout = c.problem.y_layout = layout;
    ASSERT_TRUE(check_layer(c));
  }
}

TEST_P(Spatial, GroupsThatAreNotDepthwise) {
  for (const int64_t groups : {2, 5}) {
    for (const WeightOrder order : {WeightOrder::oihw, WeightOrder::hwc}) {
      Conv2d conv = square(11, 3);
      conv.groups = groups;
      conv.order = order;
      ASSERT_TRUE(check_layer(layer(conv, groups * 9, 4)));
    }
  }
}

SPARSMITH_FOR_EACH_TARGET(Spatial);

class SpatialErrors : public ::testing::Test {
 protected:
  std::string message(const Conv2d& conv, int64_t m = 4, int64_t k = 18) {
    const std::vector<float> dense(static_cast<size_t>(m * k), 1.0f);
    Problem problem;
    problem.conv = conv;
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
  conv = square(16000, 3);
  EXPECT_THAT(message(conv), HasSubstr("strips of"));
}

}  // namespace
}  // namespace sparsmith

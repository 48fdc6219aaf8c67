// Depthwise convolutions of X on its grid: what tiles see of their neighbours, of every size, kernel and pad.
#include <gmock/gmock.h>

#include "pattern/images.h"
#include "tests/correctness/layer_case.h"

namespace sparsmith {
namespace {

using ::testing::HasSubstr;
using testing::LayerCase;

class Grid : public testing::PerTarget {};

LayerCase layer(const Conv2d& conv, int64_t multiplier, const std::string& target, uint32_t seed) {
  LayerCase c{.m = conv.groups * multiplier, .k = conv.taps(), .target = target, .threads = 3, .seed = seed};
  c.problem.conv = conv;
  c.problem.x_layout = Layout::grid;
  c.problem.y_layout = Layout::panel;
  return c;
}

Conv2d square(int64_t size, int64_t kernel, int64_t groups) {
  Conv2d conv{.height = size, .width = size};
  conv.kernel_h = conv.kernel_w = kernel;
  conv.pad_top = conv.pad_left = conv.pad_bottom = conv.pad_right = kernel / 2;
  conv.groups = groups;
  return conv;
}

TEST_P(Grid, EverySizeAndKernel) {
  uint32_t seed = 0;
  for (const int64_t kernel : {1, 3, 5, 7}) {
    for (const int64_t size : {1, 2, 5, 7, 13, 14, 20, 28, 50, 56}) {
      LayerCase c = layer(square(size, kernel, 17), 1, target(), ++seed);
      ASSERT_TRUE(can_read_grid(*c.problem.conv)) << size;
      ASSERT_TRUE(check_layer(c));
    }
  }
}

/// Same-sized images under pads of every kind, dilations, pruned kernels, several rows a channel, every epilogue.
TEST_P(Grid, RandomLayers) {
  int checked = 0;
  testing::for_each_seed(150, [&](uint32_t seed) {
    std::mt19937 rng(seed);
    const auto upto = [&](int64_t most) { return static_cast<int64_t>(rng() % static_cast<uint64_t>(most + 1)); };
    Conv2d conv{.height = 1 + upto(40), .width = 1 + upto(40)};
    conv.kernel_h = 1 + upto(6);
    conv.kernel_w = 1 + upto(6);
    conv.dilation_h = 1 + upto(4) / 4;
    conv.dilation_w = 1 + upto(4) / 3;
    const int64_t reach_h = (conv.kernel_h - 1) * conv.dilation_h, reach_w = (conv.kernel_w - 1) * conv.dilation_w;
    conv.pad_top = upto(reach_h);
    conv.pad_bottom = reach_h - conv.pad_top;
    conv.pad_left = upto(reach_w);
    conv.pad_right = reach_w - conv.pad_left;
    conv.groups = 2 + upto(30);
    conv.order = upto(1) == 0 ? WeightOrder::oihw : WeightOrder::hwc;
    LayerCase c = layer(conv, 1 + upto(3) / 2, target(), seed);
    c.density = upto(1) == 0 ? 1 : 0.4;
    c.shape.batch = 1 + upto(2);
    c.shape.special = upto(3) == 0 ? 0.02 : 0;
    Epilogue& e = c.problem.epilogue;
    e.accumulate = upto(3) == 0;
    e.bias = upto(1) == 0;
    e.row_scale = upto(3) == 0;
    e.residual = static_cast<Residual>(upto(2));
    e.activation = testing::kActivations[upto(11)];
    c.problem.n = upto(1) == 0 ? 0 : 1 + upto(1000);
    if (upto(1) == 0) c.schedule = testing::random_schedule(rng, c.problem, c.k, c.target);
    ++checked;
    return check_layer(c);
  });
  EXPECT_GT(checked, 0);
}

SPARSMITH_FOR_EACH_TARGET(Grid);

std::string refusal(const Conv2d& conv, int64_t m, int64_t k, Layout y = Layout::panel,
                    const Schedule* schedule = nullptr) {
  const std::vector<float> dense(static_cast<size_t>(m * k), 1.0f);
  Problem problem;
  problem.conv = conv;
  problem.x_layout = Layout::grid;
  problem.y_layout = y;
  CompileOptions options;
  options.schedule = schedule;
  const auto kernel = compile(*Weights::from_dense({dense.data(), m, k, k}), problem, {}, options);
  return kernel.ok() ? "" : kernel.error().message;
}

TEST(GridErrors, NameWhatIsWrong) {
  EXPECT_EQ(refusal(square(14, 3, 4), 4, 9), "");
  EXPECT_THAT(refusal(square(14, 3, 4), 4, 9, Layout::plain), HasSubstr("can't read it there"));
  EXPECT_THAT(refusal(square(200, 3, 4), 4, 9), HasSubstr("can't read it there"));
  EXPECT_THAT(refusal(square(14, 3, 2), 4, 18), HasSubstr("isn't depthwise"));
  Conv2d strided = square(14, 3, 4);
  strided.stride_h = 2;
  EXPECT_THAT(refusal(strided, 4, 9), HasSubstr("can't read it there"));
  const Schedule sparse{.tile_rows = 4}, blocks{.form = Form::depthwise, .tile_rows = 4, .panels_per_pass = 2};
  EXPECT_THAT(refusal(square(14, 3, 4), 4, 9, Layout::panel, &sparse), HasSubstr("another form"));
  EXPECT_THAT(refusal(square(14, 3, 4), 4, 9, Layout::panel, &blocks), HasSubstr("whose pass is all of an image"));
}

TEST(GridErrors, ResultsInRunsAreRefused) {
  const std::vector<float> dense(36, 1.0f);
  Problem problem;
  problem.conv = square(14, 3, 4);
  problem.x_layout = Layout::grid;
  problem.y_layout = Layout::panel;
  const auto kernel = compile(*Weights::from_dense({dense.data(), 4, 9, 9}), problem);
  ASSERT_TRUE(kernel.ok()) << kernel.error().message;
  const StripGrid grid = output_grid(*problem.conv);
  std::vector<float> x(static_cast<size_t>(grid.positions() * 4 * 16)), y(2 * x.size());
  RunArgs args{.x = x.data(), .y = y.data(), .batch = 1};
  EXPECT_TRUE(kernel->run(args).ok());
  args.y_runs = {.run = grid.tile_w, .pitch = grid.tile_w + 2};
  const Status ran = kernel->run(args);
  ASSERT_FALSE(ran.ok());
  EXPECT_THAT(ran.error().message, HasSubstr("writes all positions of an image"));
}

}  // namespace
}  // namespace sparsmith

// 1x1 convolutions on NCHW: batches whose images aren't whole panels, strides, mixed layouts.
#include "tests/correctness/layer_case.h"

namespace sparsmith {
namespace {

using testing::LayerCase;

class Convolutions : public testing::PerTarget {
 protected:
  void check(const Conv2d& conv, int64_t batch, Layout x, Layout y) {
    LayerCase c{.m = 24, .k = 18, .density = 0.3, .target = target(), .threads = 2};
    c.seed = static_cast<uint32_t>(conv.height * 100 + conv.width * 10 + batch);
    c.problem.conv = conv;
    c.problem.x_layout = x;
    c.problem.y_layout = y;
    c.problem.epilogue.bias = true;
    c.problem.epilogue.activation = Activation::relu;
    c.problem.epilogue.residual = batch % 2 == 0 ? Residual::before_activation : Residual::none;
    c.problem.epilogue.accumulate = batch % 3 == 0;
    c.shape.batch = batch;
    c.shape.n = batch * conv.out_height() * conv.out_width();
    ASSERT_TRUE(check_layer(c));
  }
};

TEST_P(Convolutions, EverySmallImageAndBatch) {
  for (const int64_t height : {1, 3, 4, 7, 8}) {
    for (const int64_t width : {1, 2, 5, 7, 16}) {
      for (int64_t batch = 1; batch <= 4; ++batch) check({height, width, 1, 1}, batch, Layout::plain, Layout::plain);
    }
  }
}

TEST_P(Convolutions, Strides) {
  for (int64_t stride_h = 1; stride_h <= 3; ++stride_h) {
    for (int64_t stride_w = 1; stride_w <= 3; ++stride_w) {
      for (const int64_t size : {1, 6, 13, 28}) {
        check({size, size + 1, stride_h, stride_w}, 1 + size % 3, Layout::plain, Layout::plain);
      }
    }
  }
}

TEST_P(Convolutions, MixedLayouts) {
  for (int64_t batch = 1; batch <= 5; ++batch) {
    check({7, 7, 1, 1}, batch, Layout::plain, Layout::panel);
    check({7, 7, 1, 1}, batch, Layout::panel, Layout::plain);
    check({7, 7, 1, 1}, batch, Layout::panel, Layout::panel);
    check({14, 14, 2, 2}, batch, Layout::plain, Layout::panel);
  }
}

SPARSMITH_FOR_EACH_TARGET(Convolutions);

}  // namespace
}  // namespace sparsmith

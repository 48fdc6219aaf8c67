// Kernel::run and update_values allocate nothing once a thread has made a call of the same size.
#include <gtest/gtest.h>

#include "runtime/kernel_impl.h"
#include "sparsmith/fused.h"
#include "sparsmith/target.h"
#include "tests/runtime/allocations.h"
#include "tests/runtime/call_buffers.h"
#include "tests/runtime/fake_code.h"

namespace sparsmith {
namespace {

using testing::allocations;

TEST(AllocationTest, RunIsAllocationFreeAfterTheFirstCall) {
  if (const auto v3 = Target::parse("x86-64-v3"); !v3.ok() || !v3->missing_on_host().empty()) {
    GTEST_SKIP() << "this CPU can't run x86-64-v3 code";
  }
  for (const bool conv : {false, true}) {
    for (const Layout layout : {Layout::plain, Layout::panel}) {
      for (int threads = 1; threads <= 2; ++threads) {
        Problem problem;
        problem.x_layout = problem.y_layout = layout;
        problem.epilogue.accumulate = true;
        problem.epilogue.residual = Residual::after_activation;
        if (conv) problem.conv = Conv2d{7, 9, 1, 1};
        const Weights weights = testing::random_weights(70, 90, 0.5, 1);
        testing::FakeCode fake(weights, problem, {.tile_rows = 9, .panels_per_pass = 2, .n_block = 4});
        auto code = load_code(fake.image());
        ASSERT_TRUE(code.ok());
        Result<Kernel> kernel = make_kernel(*code, problem, weights, {}, {});
        ASSERT_TRUE(kernel.ok());
        testing::CallBuffers buffers(problem, 70, 90, {.n = 201, .batch = 3}, 2);
        buffers.args().threads = threads;
        if (layout == Layout::panel) buffers.args().y_runs = {.run = 13, .pitch = 14};
        const int64_t before_first = allocations();
        ASSERT_TRUE(kernel->run(buffers.args()).ok());
        if (!conv && layout == Layout::plain && threads == 1) {
          EXPECT_GT(allocations(), before_first) << "the counter doesn't see the working memory";
        }
        const int64_t before = allocations();
        for (int i = 0; i < 5; ++i) ASSERT_TRUE(kernel->run(buffers.args()).ok());
        EXPECT_EQ(allocations() - before, 0)
            << "conv " << conv << " panel " << (layout == Layout::panel) << " threads " << threads;
        ASSERT_TRUE(kernel->update_values(weights).ok());
        EXPECT_EQ(allocations() - before, 0) << "update_values";
      }
    }
  }
}

TEST(AllocationTest, LinkingStripsIsAllocationFree) {
  Conv2d conv{.height = 14, .width = 14};
  conv.kernel_h = conv.kernel_w = 3;
  conv.pad_top = conv.pad_left = conv.pad_bottom = conv.pad_right = 1;
  const int64_t channels = 700;
  std::vector<float> value(static_cast<size_t>(strip_shape(conv).y_floats(channels))),
      x(static_cast<size_t>(strip_shape(conv).x_floats(channels)));
  const auto link = [&] {
    ASSERT_TRUE(regrid_strips(value.data(), output_grid(conv), {}, 1, channels, conv, x.data(), 2).ok());
    ASSERT_TRUE(fill_strip_halo(x.data(), 1, channels, conv, 2).ok());
  };
  link();
  const int64_t before = allocations();
  for (int i = 0; i < 5; ++i) link();
  EXPECT_EQ(allocations() - before, 0);
}

TEST(AllocationTest, FusedCallsAreAllocationFreeAfterTheFirst) {
  if (const auto v3 = Target::parse("x86-64-v3"); !v3.ok() || !v3->missing_on_host().empty()) {
    GTEST_SKIP() << "this CPU can't run x86-64-v3 code";
  }
  Problem first_problem, second_problem, pair_problem;
  first_problem.conv = Conv2d{.height = 17, .width = 12, .kernel_h = 3, .kernel_w = 3};
  first_problem.y_layout = second_problem.x_layout = Layout::panel;
  second_problem.epilogue.residual = Residual::after_activation;
  pair_problem = second_problem;
  pair_problem.conv = first_problem.conv;
  pair_problem.x_layout = Layout::plain;
  const Weights first_weights = testing::random_weights(20, 90, 0.5, 1),
                second_weights = testing::random_weights(30, 20, 0.5, 2);
  for (const auto way : {FuseOptions::Way::fused, FuseOptions::Way::separate}) {
    testing::FakeCode first_code(first_weights, first_problem, {.tile_rows = 9}),
        second_code(second_weights, second_problem, {.tile_rows = 9});
    auto first = make_kernel(*load_code(first_code.image()), first_problem, first_weights, {}, {});
    auto second = make_kernel(*load_code(second_code.image()), second_problem, second_weights, {}, {});
    ASSERT_TRUE(first.ok() && second.ok());
    Result<FusedKernel> pair = fuse(std::move(*first), std::move(*second), {.way = way});
    ASSERT_TRUE(pair.ok()) << pair.error().message;
    for (int threads = 1; threads <= 2; ++threads) {
      testing::CallBuffers buffers(pair_problem, 30, 90, {.batch = 3}, 2);
      buffers.args().threads = threads;
      ASSERT_TRUE(pair->run(buffers.args()).ok());
      const int64_t before = allocations();
      for (int i = 0; i < 5; ++i) ASSERT_TRUE(pair->run(buffers.args()).ok());
      EXPECT_EQ(allocations() - before, 0) << threads << " threads";
    }
  }
}

}  // namespace
}  // namespace sparsmith

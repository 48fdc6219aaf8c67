// Code of 8 and 4 lanes: asked for, chosen for few columns, and for the columns that whole panels leave over.
#include <gmock/gmock.h>

#include "tests/correctness/layer_case.h"

namespace sparsmith {
namespace {

using testing::check_kernel;
using ::testing::HasSubstr;
using testing::LayerCase;
using testing::OwnedParams;

class Narrow : public testing::PerTarget {
 protected:
  LayerCase layer(int64_t m, int64_t k, double density) const {
    LayerCase c{.m = m, .k = k, .density = density, .target = target()};
    c.problem.epilogue = {.bias = true, .residual = Residual::after_activation, .activation = Activation::hard_swish};
    return c;
  }
  Result<Kernel> compile_layer(const LayerCase& c, const Weights& weights, const LayerParams& params,
                               const Schedule* schedule) const {
    CompileOptions options;
    options.target = target();
    options.schedule = schedule;
    return compile(weights, c.problem, params, options);
  }
};

TEST_P(Narrow, OneKernelServesEveryN) {
  for (const Form form : {Form::sparse, Form::compact}) {
    for (const int32_t lanes : {4, 8}) {
      for (const bool direct : {false, true}) {
        if (direct && form == Form::compact) continue;
        LayerCase c = layer(33, 50, 0.2);
        const Schedule schedule{.form = form, .tile_rows = 12, .k_block = 20, .direct_x = direct, .lanes = lanes};
        const Weights weights = make_weights(c);
        const OwnedParams params(c.problem.epilogue, c.m, 1);
        const auto kernel = compile_layer(c, weights, params.view(), &schedule);
        ASSERT_TRUE(kernel.ok()) << kernel.error().message;
        EXPECT_THAT(*disassemble(*kernel), HasSubstr(lanes == 4 ? "xmm1," : "ymm1,"));
        for (int64_t n = 1; n <= 67; ++n) {
          const double special = n % 4 == 0 ? 0.01 : 0;
          ASSERT_TRUE(check_kernel(*kernel, weights, params.view(),
                                   {.n = n, .pad_x = n % 3, .pad_y = n % 2, .special = special}, 2, 7))
              << schedule.describe() << ", n " << n;
        }
      }
    }
  }
}

// N = 8 and 4, and tails of so many, are stored where they lie: nothing beside them may be touched, which check_kernel
// sees, with every epilogue that changes what is stored.
TEST_P(Narrow, ColumnsThatFillTheLanesAreUsedInPlace) {
  for (const Activation activation : testing::kActivations) {
    for (const Residual residual : {Residual::none, Residual::before_activation, Residual::after_activation}) {
      for (const bool accumulate : {false, true}) {
        for (const int32_t lanes : {4, 8}) {
          LayerCase c = layer(40, 30, 0.3);
          c.problem.epilogue = {.accumulate = accumulate,
                                .row_scale = true,
                                .bias = true,
                                .residual = residual,
                                .activation = activation,
                                .alpha = -0.5f,
                                .lo = -0.3f,
                                .hi = 0.4f};
          const Schedule schedule{.tile_rows = 13, .direct_x = true, .lanes = lanes};
          const Weights weights = make_weights(c);
          const OwnedParams params(c.problem.epilogue, c.m, 1);
          const auto kernel = compile_layer(c, weights, params.view(), &schedule);
          ASSERT_TRUE(kernel.ok()) << kernel.error().message;
          for (const int64_t n : {4, 8, 12, 20, 24, 52}) {
            ASSERT_TRUE(check_kernel(*kernel, weights, params.view(),
                                     {.n = n, .pad_x = 5, .pad_y = 3, .lead = 1, .y_at_page_end = true}, 2, 7))
                << "n " << n;
          }
        }
      }
    }
  }
}

TEST_P(Narrow, IsChosenForFiveToEightColumns) {
  for (const Layout layout : {Layout::plain, Layout::panel}) {
    LayerCase c = layer(256, 512, 0.1);
    c.problem.n = 8;
    c.problem.x_layout = c.problem.y_layout = layout;
    const Weights weights = make_weights(c);
    const OwnedParams params(c.problem.epilogue, c.m, 1);
    const auto kernel = compile_layer(c, weights, params.view(), nullptr);
    ASSERT_TRUE(kernel.ok()) << kernel.error().message;
    EXPECT_EQ(kernel->plan().chosen.lanes, 8) << explain(kernel->plan());
    for (const int64_t n : {1, 5, 8, 9, 30}) ASSERT_TRUE(check_kernel(*kernel, weights, params.view(), {.n = n}, 2, 3));
  }
}

TEST_P(Narrow, ColumnsLeftOverRunCodeForFew) {
  bool some = false;
  for (const int64_t planned : {49, 100, 196, 200}) {
    for (const bool fixed : {false, true}) {
      for (const Layout layout : {Layout::plain, Layout::panel}) {
        LayerCase c = layer(200, 300, 0.1);
        c.problem.n = planned;
        c.problem.n_fixed = fixed;
        c.problem.x_layout = c.problem.y_layout = layout;
        const Weights weights = make_weights(c);
        const OwnedParams params(c.problem.epilogue, c.m, 1);
        const auto kernel = compile_layer(c, weights, params.view(), nullptr);
        ASSERT_TRUE(kernel.ok()) << kernel.error().message;
        const Plan& plan = kernel->plan();
        if (fixed && planned % 16 > plan.tail_columns) {
          EXPECT_TRUE(plan.few.empty());
        }
        some = some || plan.tail_columns > 0;
        for (int64_t n = fixed ? planned : 1; n <= (fixed ? planned : 67); ++n) {
          ASSERT_TRUE(check_kernel(*kernel, weights, params.view(), {.n = n}, 3, 7)) << "n " << n << explain(plan);
        }
      }
    }
  }
  if (Target::parse(target())->isa() == Isa::avx512) {
    EXPECT_TRUE(some) << "no tail was worth code of its own";
  }
}

// A batch of images whose columns leave a tail over, which may begin in the midst of an image.
TEST_P(Narrow, TailsOfBatches) {
  for (const int64_t side : {3, 5, 7}) {
    LayerCase c = layer(150, 260, 0.1);
    c.problem.conv = Conv2d{side, side, 1, 1};
    const Weights weights = make_weights(c);
    const OwnedParams params(c.problem.epilogue, c.m, 1);
    const auto kernel = compile_layer(c, weights, params.view(), nullptr);
    ASSERT_TRUE(kernel.ok()) << kernel.error().message;
    for (int64_t batch = 1; batch <= 5; ++batch) {
      ASSERT_TRUE(check_kernel(*kernel, weights, params.view(), {.batch = batch}, 2, 7));
    }
  }
}

TEST_P(Narrow, SchedulesThatCannotBeAreRefused) {
  LayerCase c = layer(20, 30, 0.5);
  c.problem.epilogue = {};
  const auto refusal = [&](Schedule schedule) {
    const auto kernel = compile_layer(c, make_weights(c), {}, &schedule);
    return kernel.ok() ? std::string("accepted") : kernel.error().message;
  };
  EXPECT_EQ(refusal({.tile_rows = 13, .lanes = 8}), "accepted");
  EXPECT_THAT(refusal({.tile_rows = 5, .lanes = 12}), HasSubstr("12 lanes; 4, 8 and 16 are possible"));
  EXPECT_THAT(refusal({.tile_rows = 5, .panels_per_pass = 2, .lanes = 8}), HasSubstr("2 panels per pass"));
  EXPECT_THAT(refusal({.form = Form::dense, .tile_rows = 5, .lanes = 8}), HasSubstr("8 lanes; only the sparse"));
  EXPECT_THAT(refusal({.tile_rows = 32, .lanes = 4}), HasSubstr("32 tile rows"));
}

SPARSMITH_FOR_EACH_TARGET(Narrow);

}  // namespace
}  // namespace sparsmith

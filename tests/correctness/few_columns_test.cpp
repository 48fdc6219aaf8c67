// One kernel, any number of columns: calls of few run other code than calls of many, with the same results.
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>

#include "tests/correctness/layer_case.h"

namespace sparsmith {
namespace {

using testing::check_kernel;
using ::testing::HasSubstr;
using testing::LayerCase;
using testing::OwnedParams;

class FewColumns : public testing::PerTarget {
 protected:
  bool wide() const { return Target::parse(target())->isa() == Isa::avx512; }
  // A layer that is worth code for few columns.
  LayerCase layer() const {
    LayerCase c{.m = 150, .k = 260, .density = 0.1, .target = target()};
    c.problem.epilogue = {.bias = true, .residual = Residual::before_activation, .activation = Activation::prelu};
    return c;
  }
  Result<Kernel> compile_layer(const LayerCase& c, const Weights& weights, const LayerParams& params) const {
    CompileOptions options;
    options.target = target();
    return compile(weights, c.problem, params, options);
  }
};

TEST_P(FewColumns, KernelsForManyServeThemWithTheVectorForm) {
  for (const int64_t planned : {0, 200}) {
    for (const Layout layout : {Layout::plain, Layout::panel}) {
      LayerCase c = layer();
      c.problem.n = planned;
      c.problem.x_layout = c.problem.y_layout = layout;
      const Weights weights = make_weights(c);
      const OwnedParams params(c.problem.epilogue, c.m, 1);
      const auto kernel = compile_layer(c, weights, params.view());
      ASSERT_TRUE(kernel.ok()) << kernel.error().message;
      EXPECT_NE(kernel->plan().chosen.form, Form::vector);
      ASSERT_FALSE(kernel->plan().few.empty());
      EXPECT_EQ(kernel->plan().few[0].schedule.form, Form::vector);
      EXPECT_THAT(explain(kernel->plan()), HasSubstr("calls of n <= "));
      EXPECT_THAT(*disassemble(*kernel), HasSubstr(wide() ? "vpermi2ps" : "vpermps"));
      for (int64_t n = 1; n <= 18; ++n) {
        ASSERT_TRUE(check_kernel(*kernel, weights, params.view(), {.n = n, .pad_x = n % 3, .pad_y = n % 2}, 3, 7));
      }
    }
  }
}

TEST_P(FewColumns, PlansForOneColumnTakeTheVectorForm) {
  LayerCase c = layer();
  c.problem.n = 1;
  const Weights weights = make_weights(c);
  const OwnedParams params(c.problem.epilogue, c.m, 1);
  const auto kernel = compile_layer(c, weights, params.view());
  ASSERT_TRUE(kernel.ok()) << kernel.error().message;
  EXPECT_EQ(kernel->plan().chosen.form, Form::vector);
  EXPECT_THAT(kernel->plan().reason, HasSubstr("Vector is predicted"));
  for (const int64_t n : {1, 2, 5, 40}) ASSERT_TRUE(check_kernel(*kernel, weights, params.view(), {.n = n}, 2, 3));
}

TEST_P(FewColumns, AKernelForOneNHasNoOtherCode) {
  LayerCase c = layer();
  c.problem.n = 64;
  c.problem.n_fixed = true;
  const OwnedParams params(c.problem.epilogue, c.m, 1);
  const auto kernel = compile_layer(c, make_weights(c), params.view());
  ASSERT_TRUE(kernel.ok()) << kernel.error().message;
  EXPECT_TRUE(kernel->plan().few.empty());
  EXPECT_EQ(kernel->plan().tail_columns, 0);
}

TEST_P(FewColumns, NewValuesAndFilesReachAllCode) {
  LayerCase c = layer();
  const Weights weights = make_weights(c);
  const OwnedParams params(c.problem.epilogue, c.m, 1), others(c.problem.epilogue, c.m, 2);
  auto kernel = compile_layer(c, weights, params.view());
  ASSERT_TRUE(kernel.ok()) << kernel.error().message;
  std::vector<float> values(weights.values().begin(), weights.values().end());
  for (float& value : values) value *= -3;
  const Weights revalued = Weights::create(weights.pattern(), std::move(values)).value();
  ASSERT_TRUE(kernel->update_values(revalued, others.view()).ok());

  const auto path = std::filesystem::temp_directory_path() / ("sparsmith-few-" + std::to_string(getpid()) + ".smk");
  ASSERT_TRUE(kernel->save(path.string()).ok());
  const auto loaded = Kernel::load(path.string());
  std::filesystem::remove(path);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  EXPECT_EQ(loaded->plan().few.size(), kernel->plan().few.size());
  EXPECT_EQ(loaded->plan().tail_columns, kernel->plan().tail_columns);
  for (const int64_t n : {1, 2, 30}) {
    ASSERT_TRUE(check_kernel(*kernel, revalued, others.view(), {.n = n}, 2, 5));
    ASSERT_TRUE(check_kernel(*loaded, revalued, others.view(), {.n = n}, 2, 5));
  }
}

TEST_P(FewColumns, TuningMeasuresWhereToSwitch) {
  LayerCase c = layer();
  c.problem.n = 100;
  const Weights weights = make_weights(c);
  const OwnedParams params(c.problem.epilogue, c.m, 1);
  CompileOptions options;
  options.target = target();
  options.tune = true;
  options.tune_ms = 5;
  const auto kernel = compile(weights, c.problem, params.view(), options);
  ASSERT_TRUE(kernel.ok()) << kernel.error().message;
  for (const int64_t n : {1, 3, 8, 100}) ASSERT_TRUE(check_kernel(*kernel, weights, params.view(), {.n = n}, 1, 9));
}

TEST_P(FewColumns, VectorSchedulesThatCannotBeAreRefused) {
  const LayerCase c = layer();
  const Weights weights = make_weights(c);
  const auto refusal = [&](Schedule schedule) {
    schedule.form = Form::vector;
    if (schedule.lanes == 16) schedule.lanes = wide() ? 16 : 8;
    CompileOptions options;
    options.target = target();
    options.schedule = &schedule;
    const auto kernel = compile(weights, {}, {}, options);
    return kernel.ok() ? std::string("accepted") : kernel.error().message;
  };
  EXPECT_THAT(refusal({.tile_rows = 16, .lanes = wide() ? 8 : 4}),
              HasSubstr(wide() ? "looks up 16 at once" : "looks up 8 at once"));
  EXPECT_THAT(refusal({.tile_rows = 16, .panels_per_pass = 7}), HasSubstr(wide() ? "accepted" : "7 columns per pass"));
  EXPECT_EQ(refusal({.tile_rows = 16}), "accepted");
  EXPECT_THAT(refusal({.tile_rows = 31}), HasSubstr("31 tile rows; they must be a multiple of 16"));
  EXPECT_THAT(refusal({.tile_rows = 16, .panels_per_pass = 9}), HasSubstr("9 columns per pass"));
  EXPECT_THAT(refusal({.tile_rows = 16, .window_step = 5}), HasSubstr("every 5 columns"));
  EXPECT_THAT(refusal({.tile_rows = 16, .k_block = 64}), HasSubstr("has none of them"));
}

SPARSMITH_FOR_EACH_TARGET(FewColumns);

}  // namespace
}  // namespace sparsmith

// Every combination of what an epilogue may do, in all forms.
#include "tests/correctness/layer_case.h"

namespace sparsmith {
namespace {

using testing::LayerCase;

class Epilogues : public testing::PerTarget {
 protected:
  void check_all(Form form, Layout x, Layout y) {
    const bool wide = Target::parse(target())->isa() == Isa::avx512;
    uint32_t seed = 0;
    for (const Activation activation : testing::kActivations) {
      for (const Residual residual : {Residual::none, Residual::before_activation, Residual::after_activation}) {
        for (int flags = 0; flags < 8; ++flags) {
          LayerCase c{.m = 37, .k = 23, .density = 0.4, .target = target(), .shape = {.n = 55}, .seed = ++seed};
          c.problem.x_layout = x;
          c.problem.y_layout = y;
          Epilogue& e = c.problem.epilogue;
          e.activation = activation;
          e.residual = residual;
          e.accumulate = (flags & 1) != 0;
          e.row_scale = (flags & 2) != 0;
          e.bias = (flags & 4) != 0;
          e.alpha = 0.2f;
          e.lo = -0.5f;
          e.hi = 0.75f;
          Schedule schedule;
          schedule.form = form;
          schedule.panels_per_pass = static_cast<int32_t>(1 + seed % 3);
          schedule.tile_rows = wide ? 9 : schedule.panels_per_pass == 3 ? 1 : 2;
          schedule.k_block = seed % 2 == 0 ? 0 : 8;
          c.schedule = schedule;
          c.shape.pad_y = seed % 4;
          c.shape.pad_residual = seed % 5;
          ASSERT_TRUE(check_layer(c));
        }
      }
    }
  }
};

TEST_P(Epilogues, SparsePlain) { check_all(Form::sparse, Layout::plain, Layout::plain); }
TEST_P(Epilogues, SparsePanel) { check_all(Form::sparse, Layout::panel, Layout::panel); }
TEST_P(Epilogues, SparsePanelToPlain) { check_all(Form::sparse, Layout::panel, Layout::plain); }
TEST_P(Epilogues, CompactPlain) { check_all(Form::compact, Layout::plain, Layout::plain); }
TEST_P(Epilogues, CompactPanel) { check_all(Form::compact, Layout::panel, Layout::panel); }
TEST_P(Epilogues, DensePlain) { check_all(Form::dense, Layout::plain, Layout::plain); }
TEST_P(Epilogues, DensePlainToPanel) { check_all(Form::dense, Layout::plain, Layout::panel); }

TEST_P(Epilogues, ConstantsAtTheirEdges) {
  for (const auto& [lo, hi] : {std::pair{0.0f, 0.0f}, {-1.0f, -0.5f}, {-INFINITY, 0.25f}, {0.1f, INFINITY}}) {
    LayerCase c{.m = 20, .k = 20, .density = 0.5, .target = target(), .shape = {.n = 20}};
    c.problem.epilogue.activation = Activation::clip;
    c.problem.epilogue.lo = lo;
    c.problem.epilogue.hi = hi;
    EXPECT_TRUE(check_layer(c)) << lo << " " << hi;
  }
  for (const float alpha : {0.0f, 1.0f, -1.0f, 3.0f, 1e-30f}) {
    LayerCase c{.m = 20, .k = 20, .density = 0.5, .target = target(), .shape = {.n = 20}};
    c.problem.epilogue.activation = Activation::leaky_relu;
    c.problem.epilogue.alpha = alpha;
    EXPECT_TRUE(check_layer(c)) << alpha;
  }
}

// A slope that differs from row to row: a kernel that mixed rows up within a clustered tile would show here.
TEST_P(Epilogues, EachRowGetsItsOwnParameters) {
  const int64_t m = 65;
  std::vector<float> identity(static_cast<size_t>(m), 1.0f), row(static_cast<size_t>(m));
  for (int64_t r = 0; r < m; ++r) row[r] = static_cast<float>(r);
  std::vector<int64_t> offsets(static_cast<size_t>(m + 1), 0);
  const Weights weights = Weights::create(Pattern::create(m, 3, offsets, {}).value(), {}).value();
  Problem problem;
  problem.epilogue.bias = true;
  CompileOptions options;
  options.target = target();
  const Result<Kernel> kernel = compile(weights, problem, {row, {}, {}}, options);
  ASSERT_TRUE(kernel.ok());
  std::vector<float> x(3 * 5, 1.0f), y(static_cast<size_t>(m * 5));
  ASSERT_TRUE(kernel->run({.x = x.data(), .y = y.data(), .n = 5}).ok());
  for (int64_t i = 0; i < m * 5; ++i) ASSERT_EQ(y[i], static_cast<float>(i / 5));
}

SPARSMITH_FOR_EACH_TARGET(Epilogues);

}  // namespace
}  // namespace sparsmith

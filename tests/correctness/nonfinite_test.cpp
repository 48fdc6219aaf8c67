// NaN and infinities go where the formula sends them, and nowhere else: a sparse kernel multiplies only its nonzeros.
#include <cmath>

#include "kernels/reference.h"
#include "tests/correctness/layer_case.h"

namespace sparsmith {
namespace {

using testing::LayerCase;

class NonFinite : public testing::PerTarget {};

std::vector<Form> forms(const std::string& target) {
  std::vector<Form> all{Form::sparse, Form::dense, Form::compact};
  if (Target::parse(target)->isa() == Isa::avx512) all.push_back(Form::vector);
  return all;
}

TEST_P(NonFinite, ActivationsInEveryEpilogue) {
  uint32_t seed = 0;
  for (const Form form : forms(target())) {
    for (const Activation activation : testing::kActivations) {
      for (int residual = 0; residual <= 2; ++residual) {
        for (const Layout layout : {Layout::plain, Layout::panel}) {
          LayerCase c{.m = 40, .k = 30, .density = 0.1, .target = target(), .shape = {.n = 37}, .seed = ++seed};
          c.shape.special = 0.03;
          c.problem.x_layout = c.problem.y_layout = layout;
          c.problem.epilogue.activation = activation;
          c.problem.epilogue.residual = static_cast<Residual>(residual);
          c.schedule = Schedule{.form = form, .tile_rows = form == Form::vector ? 16 : 2, .panels_per_pass = 2};
          ASSERT_TRUE(check_layer(c));
        }
      }
    }
  }
}

TEST_P(NonFinite, ANanReachesOnlyRowsWithANonzeroInItsColumn) {
  // W = identity without its row 3; X's row 5 is NaN.
  const int64_t m = 8, n = 19;
  std::vector<float> dense(64, 0.0f);
  for (int64_t i = 0; i < m; ++i) dense[i * m + i] = i == 3 ? 0.0f : 1.0f;
  const Weights weights = Weights::from_dense({dense.data(), m, m, m}).value();
  for (const Form form : forms(target())) {
    if (form == Form::dense) continue;  // multiplies zeros
    Schedule schedule{.form = form, .tile_rows = form == Form::vector ? 16 : 4};
    CompileOptions options;
    options.target = target();
    options.schedule = &schedule;
    const Result<Kernel> kernel = compile(weights, {}, {}, options);
    ASSERT_TRUE(kernel.ok());
    std::vector<float> x(static_cast<size_t>(m * n), 2.0f), y(x.size(), -1.0f);
    std::fill_n(x.begin() + 5 * n, n, NAN);
    ASSERT_TRUE(kernel->run({.x = x.data(), .y = y.data(), .n = n}).ok());
    for (int64_t i = 0; i < m * n; ++i) {
      if (i / n == 5) {
        ASSERT_TRUE(std::isnan(y[i]));
      } else {
        ASSERT_EQ(y[i], i / n == 3 ? 0.0f : 2.0f);
      }
    }
  }
}

TEST_P(NonFinite, WeightsAndParameters) {
  LayerCase c{.m = 33, .k = 21, .density = 0.3, .target = target()};
  const Weights finite = make_weights(c);
  std::vector<float> values(finite.values().begin(), finite.values().end());
  for (size_t i = 0; i < values.size(); i += 17) values[i] = i % 2 == 0 ? NAN : INFINITY;
  const Weights weights = Weights::create(finite.pattern(), values).value();
  std::vector<float> bias(33, 0.5f);
  bias[4] = NAN;
  bias[9] = -INFINITY;
  c.problem.epilogue.bias = true;
  c.problem.epilogue.activation = Activation::relu;
  CompileOptions options;
  options.target = target();
  const Result<Kernel> kernel = compile(weights, c.problem, {bias, {}, {}}, options);
  ASSERT_TRUE(kernel.ok()) << kernel.error().message;
  EXPECT_TRUE(testing::check_kernel(*kernel, weights, {bias, {}, {}}, {.n = 29}, 1, 3));
}

// Denormal and huge numbers keep their value: no flush to zero, no early overflow.
TEST_P(NonFinite, DenormalsAndLargeNumbers) {
  const float tiny = 1e-39f, large = 1e38f;
  const std::vector<float> dense = {1, 0, 0, 2};
  const Weights weights = Weights::from_dense({dense.data(), 2, 2, 2}).value();
  CompileOptions options;
  options.target = target();
  const Result<Kernel> kernel = compile(weights, {}, {}, options);
  ASSERT_TRUE(kernel.ok());
  const float x[] = {tiny, large, tiny, large};
  float y[4] = {};
  ASSERT_TRUE(kernel->run({.x = x, .y = y, .n = 2}).ok());
  EXPECT_EQ(y[0], tiny);
  EXPECT_EQ(y[1], large);
  EXPECT_EQ(y[2], 2 * tiny);
  EXPECT_EQ(y[3], 2 * large);
}

SPARSMITH_FOR_EACH_TARGET(NonFinite);

}  // namespace
}  // namespace sparsmith

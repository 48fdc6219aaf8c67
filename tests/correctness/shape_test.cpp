// Every M, K and N up to 67 in each layout, and shapes at the edges of what code can address.
#include "tests/correctness/layer_case.h"

namespace sparsmith {
namespace {

using testing::check_kernel;
using testing::LayerCase;
using testing::Nonzeros;

class Shapes : public testing::PerTarget {
 protected:
  // Compiles once per layout pair, runs for all of `columns`.
  void check(LayerCase c, const std::vector<int64_t>& columns) {
    const Weights weights = make_weights(c);
    for (const Layout x : {Layout::plain, Layout::panel}) {
      for (const Layout y : {Layout::plain, Layout::panel}) {
        c.problem.x_layout = x;
        c.problem.y_layout = y;
        CompileOptions options;
        options.target = target();
        const Result<Kernel> kernel = compile(weights, c.problem, {}, options);
        ASSERT_TRUE(kernel.ok()) << kernel.error().message;
        for (const int64_t n : columns) {
          const testing::CallShape shape{.n = n, .pad_y = n % 3, .y_at_page_end = n % 2 == 0};
          c.shape = shape;
          ASSERT_TRUE(check_kernel(*kernel, weights, {}, shape, 1, c.seed)) << describe(c);
        }
      }
    }
  }
};

TEST_P(Shapes, EveryColumnCount) {
  std::vector<int64_t> columns;
  for (int64_t n = 1; n <= 67; ++n) columns.push_back(n);
  check({.m = 33, .k = 19, .density = 0.3, .target = target()}, columns);
}

TEST_P(Shapes, EveryRowCount) {
  for (int64_t m = 1; m <= 67; ++m) {
    check({.m = m, .k = 1 + m * 29 % 67, .density = m % 2 == 0 ? 0.1 : 0.6, .target = target()}, {1, 16, 35});
  }
}

TEST_P(Shapes, EveryDepth) {
  for (int64_t k = 1; k <= 67; ++k) {
    check({.m = 1 + k * 17 % 67, .k = k, .density = k % 2 == 0 ? 0.05 : 0.4, .target = target()}, {2, 17, 48});
  }
}

TEST_P(Shapes, TinyMatricesOfEveryPattern) {
  for (int64_t m = 1; m <= 3; ++m) {
    for (int64_t k = 1; k <= 3; ++k) {
      for (int bits = 0; bits < 1 << (m * k); ++bits) {
        std::vector<float> dense(static_cast<size_t>(m * k), 0.0f);
        for (int64_t i = 0; i < m * k; ++i) dense[i] = (bits >> i & 1) != 0 ? static_cast<float>(i) - 2.5f : 0.0f;
        const Weights weights = Weights::from_dense({dense.data(), m, k, k}).value();
        CompileOptions options;
        options.target = target();
        const Result<Kernel> kernel = compile(weights, {}, {}, options);
        ASSERT_TRUE(kernel.ok()) << kernel.error().message;
        ASSERT_TRUE(check_kernel(*kernel, weights, {}, {.n = 1 + bits % 20}, 1, 1))
            << m << "x" << k << " bits " << bits;
      }
    }
  }
}

// Displacements of X beyond 8 bits, beyond 16; values beyond the reach of one base; many tiles.
TEST_P(Shapes, DeepWideAndTallMatrices) {
  check({.m = 3, .k = 70000, .density = 0.01, .target = target()}, {1, 33});
  check({.m = 5000, .k = 40, .density = 0.1, .target = target()}, {1, 33});
  check({.m = 31, .k = 2000, .density = 0.9, .target = target()}, {16, 40});
  check({.m = 300, .k = 1500, .density = 0.02, .target = target()}, {7, 64});
}

// Work must follow the nonzeros and the rows, not their square and not tiles times columns.
TEST_P(Shapes, HugeMatricesOfFewNonzeros) {
  constexpr int64_t kRows = 200'000, kDepth = 1'000'000;
  std::vector<int64_t> offsets{0};
  std::vector<int32_t> columns;
  std::vector<float> values;
  for (int64_t row = 0; row < kRows; ++row) {
    for (int32_t i = 0; row % 1000 == 7 && i < 3; ++i) {
      columns.push_back(static_cast<int32_t>(row * 4 + i * 70'000));
      values.push_back(static_cast<float>(i + 1));
    }
    offsets.push_back(static_cast<int64_t>(columns.size()));
  }
  const Weights weights =
      Weights::create(Pattern::create(kRows, kDepth, std::move(offsets), std::move(columns)).value(), std::move(values))
          .value();
  CompileOptions options;
  options.target = target();
  Problem problem;
  problem.n = 3;
  const Result<Kernel> kernel = compile(weights, problem, {}, options);
  ASSERT_TRUE(kernel.ok()) << kernel.error().message;
  EXPECT_TRUE(check_kernel(*kernel, weights, {}, {.n = 3}, 1, 1));
}

TEST_P(Shapes, EmptyAndNearlyEmptyMatrices) {
  for (const Nonzeros nonzeros : {Nonzeros::none, Nonzeros::one, Nonzeros::uneven}) {
    for (const int64_t m : {1, 2, 31, 32, 67}) {
      for (const int64_t k : {1, 64, 300}) {
        check({.m = m, .k = k, .nonzeros = nonzeros, .density = 0.2, .target = target()}, {1, 16, 31});
      }
    }
  }
}

SPARSMITH_FOR_EACH_TARGET(Shapes);

}  // namespace
}  // namespace sparsmith

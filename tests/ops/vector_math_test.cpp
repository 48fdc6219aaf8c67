// Loops in vectors of each width that this CPU has, against double.
#include "ops/vector_math.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace sparsmith::test {
namespace {

using ops::VectorMath;

class VectorMathTest : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    math = ops::vector_math(GetParam());
    if (math == nullptr) GTEST_SKIP() << "this CPU has no vectors of " << GetParam() << " floats";
  }
  std::vector<float> normal(int64_t count) {
    std::vector<float> values(static_cast<size_t>(count));
    std::normal_distribution<float> distribution(0, 3);
    for (float& value : values) value = distribution(random_);
    return values;
  }
  const VectorMath* math = nullptr;

 private:
  std::mt19937 random_{1};
};

TEST_P(VectorMathTest, AddsTilesOfProducts) {
  ASSERT_LE(math->rows, VectorMath::kMostRows);
  ASSERT_LE(math->columns, VectorMath::kMostColumns);
  alignas(64) float panel[256 * VectorMath::kMostColumns];
  for (const int64_t depth : {1, 2, 31, 256}) {
    for (const int64_t stride : {1, 3}) {
      const std::vector<float> a = normal(math->rows * depth * stride), b = normal(depth * math->columns);
      std::copy(b.begin(), b.end(), panel);
      std::vector<const float*> rows;
      for (int64_t r = 0; r < math->rows; ++r) rows.push_back(a.data() + r * depth * stride);
      for (int64_t m = 1; m <= math->rows; ++m) {
        for (int64_t n = 1; n <= math->columns; n += 3) {
          const int64_t pitch = math->columns + 1;
          std::vector<float> y(static_cast<size_t>(math->rows * pitch), 0.5f);
          math->multiply(rows.data(), stride, panel, depth, y.data(), pitch, m, n);
          for (int64_t i = 0; i < math->rows; ++i) {
            for (int64_t j = 0; j < pitch; ++j) {
              double expected = 0.5;
              for (int64_t k = 0; i < m && j < n && k < depth; ++k) {
                expected += double{rows[static_cast<size_t>(i)][k * stride]} * double{panel[k * math->columns + j]};
              }
              ASSERT_NEAR(y[static_cast<size_t>(i * pitch + j)], expected, 1e-3) << i << ", " << j;
            }
          }
        }
      }
    }
  }
}

TEST_P(VectorMathTest, TakesExponentials) {
  for (const int64_t count : {1, 2, 15, 16, 17, 63, 64, 100, 1000, 5000}) {
    const std::vector<float> x = normal(count);
    std::vector<float> y(static_cast<size_t>(count) + 1, 7);
    float largest = 0;
    const double sum = math->exponentials(x.data(), count, y.data(), largest);
    EXPECT_EQ(largest, *std::max_element(x.begin(), x.end()));
    double expected_sum = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const float below = x[i] - largest;
      const double expected = std::exp(double{below});
      expected_sum += expected;
      EXPECT_NEAR(y[i], expected, (2e-7 - 5e-8 * double{below}) * expected) << i;
    }
    EXPECT_NEAR(sum, expected_sum, 1e-6 * expected_sum);
    EXPECT_EQ(y.back(), 7);
  }
}

TEST_P(VectorMathTest, KnowsTheEdgesOfExponentials) {
  std::vector<float> x{0, -87, -89, -1000, -INFINITY, NAN}, y(x.size());
  float largest = 1;
  EXPECT_TRUE(std::isnan(math->exponentials(x.data(), 6, y.data(), largest)));
  EXPECT_EQ(largest, 0);
  EXPECT_EQ(y[0], 1);
  EXPECT_NEAR(y[1] / std::exp(-87.0f), 1, 1e-5);
  for (const size_t i : {size_t{2}, size_t{3}, size_t{4}}) EXPECT_NEAR(y[i], 0, 1e-38) << i;
  EXPECT_TRUE(std::isnan(y[5]));
  x = {-INFINITY, -INFINITY};
  EXPECT_TRUE(std::isnan(math->exponentials(x.data(), 2, y.data(), largest)));
  x = {INFINITY, 0};
  EXPECT_TRUE(std::isnan(math->exponentials(x.data(), 2, y.data(), largest)));
}

INSTANTIATE_TEST_SUITE_P(Widths, VectorMathTest, testing::Values(16, 8, 4),
                         [](const auto& width) { return "of" + std::to_string(width.param); });

}  // namespace
}  // namespace sparsmith::test

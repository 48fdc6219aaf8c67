// Products of matrices, alone and in batches.
#include <cmath>
#include <limits>

#include "random_tensor.h"

namespace sparsmith::test {
namespace {

using testing::ElementsAre;

TEST(MatMul, AgreesWithSumsOverIndices) {
  for (const int64_t m : {1, 2, 4, 5, 9}) {
    for (const int64_t n : {1, 7, 8, 17}) {
      for (const int64_t depth : {1, 3, 255, 256, 257, 600}) {
        const auto a = random_floats({2, m, depth}, 1), b = random_floats({2, depth, n}, 2);
        const auto y = result_of({.op = "MatMul", .inputs = {a, b}});
        ASSERT_EQ(y.shape, (std::vector<int64_t>{2, m, n}));
        for (int64_t batch = 0; batch < 2; ++batch) {
          for (int64_t i = 0; i < m; ++i) {
            for (int64_t j = 0; j < n; ++j) {
              double sum = 0, magnitude = 0;
              for (int64_t k = 0; k < depth; ++k) {
                const double term = double{a.as<float>()[(batch * m + i) * depth + k]} *
                                    double{b.as<float>()[(batch * depth + k) * n + j]};
                sum += term;
                magnitude += std::fabs(term);
              }
              ASSERT_NEAR(y.as<float>()[(batch * m + i) * n + j], sum, 1e-6 * magnitude + 1e-7)
                  << m << " x " << depth << " x " << n;
            }
          }
        }
      }
    }
  }
}

TEST(MatMul, ShapesAreNumpys) {
  const auto shape = [](std::vector<int64_t> a, std::vector<int64_t> b) {
    return result_of({.op = "MatMul", .inputs = {random_floats(std::move(a), 1), random_floats(std::move(b), 2)}})
        .shape;
  };
  EXPECT_THAT(shape({4}, {4}), ElementsAre());
  EXPECT_THAT(shape({4}, {4, 5}), ElementsAre(5));
  EXPECT_THAT(shape({3, 4}, {4}), ElementsAre(3));
  EXPECT_THAT(shape({2, 3, 4}, {4}), ElementsAre(2, 3));
  EXPECT_THAT(shape({4}, {2, 4, 5}), ElementsAre(2, 5));
  EXPECT_THAT(shape({2, 3, 4}, {4, 5}), ElementsAre(2, 3, 5));
  EXPECT_THAT(shape({2, 1, 3, 4}, {6, 4, 5}), ElementsAre(2, 6, 3, 5));
  EXPECT_THAT(shape({0, 4}, {4, 5}), ElementsAre(0, 5));
}

TEST(MatMul, BatchesStretchToEachOther) {
  // Matrices of one element, so that batches are all there is.
  const auto y = result_of({.op = "MatMul", .inputs = {floats({2, 1, 1, 1}, {1, 2}), floats({3, 1, 1}, {10, 20, 30})}});
  EXPECT_THAT(y.shape, ElementsAre(2, 3, 1, 1));
  EXPECT_THAT(elements<float>(y), ElementsAre(10, 20, 30, 20, 40, 60));
  // One matrix for a whole batch.
  const auto z = result_of({.op = "MatMul", .inputs = {floats({2, 1, 2}, {1, 2, 3, 4}), floats({2, 1}, {10, 1})}});
  EXPECT_THAT(z.shape, ElementsAre(2, 1, 1));
  EXPECT_THAT(elements<float>(z), ElementsAre(12, 34));
}

TEST(MatMul, NothingToAddUpIsZeroAndNotANumberSpreads) {
  EXPECT_THAT(elements<float>(result_of({.op = "MatMul", .inputs = {floats({2, 0}, {}), floats({0, 1}, {})}})),
              ElementsAre(0, 0));
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto y = result_of({.op = "MatMul", .inputs = {floats({2, 2}, {nan, 0, 1, 1}), floats({2, 1}, {0, 5})}});
  EXPECT_TRUE(std::isnan(y.as<float>()[0]));
  EXPECT_EQ(y.as<float>()[1], 5);
}

TEST(MatMul, SaysWhatDoesNotFit) {
  const auto bad = [](std::vector<int64_t> a, std::vector<int64_t> b) {
    expect_bad({.op = "MatMul", .inputs = {random_floats(std::move(a), 1), random_floats(std::move(b), 2)}},
               "as many columns");
  };
  bad({}, {3});
  bad({2, 3}, {4, 5});
  bad({2, 3, 4}, {3, 4, 5});
  expect_bad({.op = "MatMul", .inputs = {longs({1}, {1}), longs({1}, {1})}}, "float32 is expected");
}

TEST(Gemm, AgreesWithSumsOverIndicesInEveryForm) {
  const int64_t m = 5, n = 9, depth = 300;
  const std::vector<std::optional<std::vector<int64_t>>> thirds = {std::nullopt, {{}},     {{1}},   {{n}},
                                                                   {{1, n}},     {{m, 1}}, {{m, n}}};
  for (const int64_t trans_a : {0, 1}) {
    for (const int64_t trans_b : {0, 1}) {
      for (const auto& third : thirds) {
        const auto a = random_floats(trans_a != 0 ? std::vector{depth, m} : std::vector{m, depth}, 1);
        const auto b = random_floats(trans_b != 0 ? std::vector{n, depth} : std::vector{depth, n}, 2);
        NodeCase node{.op = "Gemm",
                      .inputs = {a, b},
                      .attributes = {{"transA", trans_a}, {"transB", trans_b}, {"alpha", 0.5f}, {"beta", 2.0f}}};
        if (third) node.inputs.push_back(random_floats(*third, 3));
        const auto y = result_of(node);
        ASSERT_EQ(y.shape, (std::vector<int64_t>{m, n}));
        for (int64_t i = 0; i < m; ++i) {
          for (int64_t j = 0; j < n; ++j) {
            double sum = 0;
            for (int64_t k = 0; k < depth; ++k) {
              sum += double{a.as<float>()[trans_a != 0 ? k * m + i : i * depth + k]} *
                     double{b.as<float>()[trans_b != 0 ? j * depth + k : k * n + j]};
            }
            double right = 0.5 * sum;
            if (third) {
              const auto c = node.inputs[2]->as<float>();
              const bool rows = third->size() == 2 && (*third)[0] == m, columns = !third->empty() && third->back() == n;
              right += 2.0 * double{c[(rows ? i * (columns ? n : 1) : 0) + (columns ? j : 0)]};
            }
            ASSERT_NEAR(y.as<float>()[i * n + j], right, 1e-4);
          }
        }
      }
    }
  }
}

TEST(Gemm, SaysWhatDoesNotFit) {
  const auto a = random_floats({2, 3}, 1), b = random_floats({3, 4}, 2);
  expect_bad({.op = "Gemm", .inputs = {a, a}}, "as many columns");
  expect_bad({.op = "Gemm", .inputs = {a, b}, .attributes = {{"transB", int64_t{1}}}}, "[3, 4] transposed");
  expect_bad({.op = "Gemm", .inputs = {a, b, random_floats({2}, 3)}}, "doesn't stretch to [2, 4]");
  expect_bad({.op = "Gemm", .inputs = {a, b, random_floats({3, 2, 4}, 3)}}, "doesn't stretch to [2, 4]");
  expect_bad({.op = "Gemm", .inputs = {a, random_floats({3}, 2)}}, "2 dimensions are expected");
  expect_bad({.op = "Gemm", .inputs = {a, b}, .opset = 9}, "has 2 inputs; it needs 3");
}

}  // namespace
}  // namespace sparsmith::test

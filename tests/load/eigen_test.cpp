#include "sparsmith/eigen.h"

#include <cmath>

#include "check.h"

namespace sparsmith::test {
namespace {

const Floats kDense = {1, 0, 2, 0, 0, 0, 3, 4, 0};

template <class Sparse>
Sparse example() {
  Sparse matrix(3, 3);
  matrix.insert(2, 1) = 4;
  matrix.insert(0, 2) = 2;
  matrix.insert(2, 0) = 3;
  matrix.insert(0, 0) = 1;
  return matrix;
}

template <class Sparse>
void check_sparse() {
  Sparse matrix = example<Sparse>();
  EXPECT_FALSE(matrix.isCompressed());
  EXPECT_EQ(value_of(from_eigen(matrix)).to_dense(), kDense);
  matrix.makeCompressed();
  EXPECT_EQ(value_of(from_eigen(matrix)).to_dense(), kDense);
}

TEST(Eigen, TakesRowMajorSparse) {
  check_sparse<Eigen::SparseMatrix<float, Eigen::RowMajor>>();
  check_sparse<Eigen::SparseMatrix<float, Eigen::RowMajor, int64_t>>();
}
TEST(Eigen, TakesColumnMajorSparse) { check_sparse<Eigen::SparseMatrix<float>>(); }

TEST(Eigen, KeepsStoredZeros) {
  auto matrix = example<Eigen::SparseMatrix<float>>();
  matrix.coeffRef(1, 1) = 0;
  EXPECT_EQ(value_of(from_eigen(matrix)).nnz(), 5);
}

TEST(Eigen, TakesDenseMatricesAndExpressions) {
  const Eigen::Matrix<float, 3, 3, Eigen::RowMajor> rows_first =
      Eigen::Map<const Eigen::Matrix<float, 3, 3, Eigen::RowMajor>>(kDense.data());
  const Eigen::MatrixXf columns_first = rows_first;
  EXPECT_EQ(value_of(from_eigen(rows_first)).to_dense(), kDense);
  EXPECT_EQ(value_of(from_eigen(columns_first)).to_dense(), kDense);
  EXPECT_EQ(value_of(from_eigen(columns_first.block(1, 0, 2, 2))).to_dense(), (Floats{0, 0, 3, 4}));
  EXPECT_EQ(value_of(from_eigen(columns_first * 2)).nnz(), 4);
  EXPECT_EQ(value_of(from_eigen(Eigen::VectorXf::Ones(4))).rows(), 4);
  EXPECT_EQ(value_of(from_eigen(Eigen::RowVectorXf::Ones(4))).cols(), 4);
}

TEST(EigenBad, EmptyMatrix) {
  expect_bad_input(from_eigen(Eigen::SparseMatrix<float>()), {"0 x 0"});
  expect_bad_input(from_eigen(Eigen::MatrixXf()), {"0x0"});
}

}  // namespace
}  // namespace sparsmith::test

/// \file
/// Weights from Eigen matrices. Header-only: including it is what makes a program need Eigen; the library does not.
#pragma once

#include <Eigen/Core>
#include <Eigen/SparseCore>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "sparsmith/weights.h"

namespace sparsmith {

/// Weights of a sparse Eigen matrix, row- or column-major, compressed or not. Stored zeros stay nonzeros of the
/// pattern; call prune() first to drop them.
template <int Options, class StorageIndex>
Result<Weights> from_eigen(const Eigen::SparseMatrix<float, Options, StorageIndex>& matrix) {
  if constexpr ((Options & Eigen::RowMajorBit) == 0) {
    // Eigen's conversion sorts: entries of a row come out in ascending columns.
    return from_eigen(Eigen::SparseMatrix<float, Eigen::RowMajor, StorageIndex>(matrix));
  } else {
    using Matrix = Eigen::SparseMatrix<float, Options, StorageIndex>;
    const int64_t rows = matrix.rows(), cols = matrix.cols();
    if (rows < 1 || cols < 1 || rows > kMaxDimension || cols > kMaxDimension) {
      return bad_input("an Eigen matrix of " + std::to_string(rows) + " x " + std::to_string(cols) +
                       " can't be weights: dimensions must be from 1 to " + std::to_string(kMaxDimension));
    }
    std::vector<int64_t> offsets(static_cast<size_t>(rows) + 1, 0);
    std::vector<int32_t> columns;
    std::vector<float> values;
    columns.reserve(static_cast<size_t>(matrix.nonZeros()));
    values.reserve(static_cast<size_t>(matrix.nonZeros()));
    for (int64_t row = 0; row < rows; ++row) {
      for (typename Matrix::InnerIterator entry(matrix, static_cast<Eigen::Index>(row)); entry; ++entry) {
        columns.push_back(static_cast<int32_t>(entry.col()));
        values.push_back(entry.value());
      }
      offsets[static_cast<size_t>(row) + 1] = static_cast<int64_t>(columns.size());
    }
    Result<Pattern> pattern = Pattern::create(rows, cols, std::move(offsets), std::move(columns));
    if (!pattern) return pattern.error();
    return Weights::create(*std::move(pattern), std::move(values));
  }
}

/// Weights of a dense Eigen matrix, map, block or expression: its elements that are not exactly zero.
template <class Derived>
Result<Weights> from_eigen(const Eigen::MatrixBase<Derived>& matrix) {
  // Eigen insists that a matrix with one column is column-major; the memory is the same.
  constexpr int kLayout = Derived::ColsAtCompileTime == 1 ? Eigen::ColMajor : Eigen::RowMajor;
  const Eigen::Matrix<float, Eigen::Dynamic, Derived::ColsAtCompileTime, kLayout> rows_first = matrix;
  return Weights::from_dense(
      {rows_first.data(), static_cast<int64_t>(matrix.rows()), static_cast<int64_t>(matrix.cols()), matrix.cols()});
}

}  // namespace sparsmith

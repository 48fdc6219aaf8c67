/// \file
/// A weight matrix: a Pattern and one fp32 value per nonzero; from dense, CSR or (eigen.h) Eigen data, or from files
/// (load.h).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sparsmith/pattern.h"
#include "sparsmith/result.h"

namespace sparsmith {

/// Row-major fp32 view: element (r, c) at data[r * ld + c]. Not owned.
struct DenseView {
  const float* data = nullptr;
  int64_t rows = 0, cols = 0;
  int64_t ld = 0;  ///< floats between rows, >= cols
};

/// CSR view. Not owned.
struct CsrView {
  int64_t rows = 0, cols = 0;
  std::span<const int64_t> row_offsets;  ///< rows + 1 entries
  std::span<const int32_t> columns;      ///< strictly ascending in each row
  std::span<const float> values;         ///< one per column entry; a stored 0.0f stays a nonzero of the pattern
};

/// W[M, K]: immutable pattern, values in CSR order. Cheap to move.
class Weights {
 public:
  /// Keeps every element that is not exactly zero (NaN and Inf are kept, see nonfinite()).
  static Result<Weights> from_dense(DenseView dense);
  static Result<Weights> from_csr(CsrView csr);
  /// Takes a checked pattern and as many values.
  static Result<Weights> create(Pattern pattern, std::vector<float> values);

  const Pattern& pattern() const { return pattern_; }
  std::span<const float> values() const { return values_; }
  int64_t rows() const { return pattern_.rows(); }
  int64_t cols() const { return pattern_.cols(); }
  int64_t nnz() const { return pattern_.nnz(); }
  int64_t nonfinite() const;            ///< how many values are NaN or infinite
  std::vector<float> to_dense() const;  ///< row-major M x K

 private:
  Weights(Pattern pattern, std::vector<float> values) : pattern_(std::move(pattern)), values_(std::move(values)) {}
  Pattern pattern_;
  std::vector<float> values_;
};

}  // namespace sparsmith

/// \file
/// From the sparse forms that files hold to Weights: limits, sorting, duplicates.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sparsmith/load.h"
#include "sparsmith/result.h"
#include "sparsmith/weights.h"

namespace sparsmith::load {

/// The limits every declared sparse shape must keep. Rows cost memory even when empty, and a line of text can declare
/// any number of them, so the larger dimension is also bounded by what the file holds: 2^20 + 64 * nnz.
Status check_sparse_shape(int64_t rows, int64_t cols, int64_t nnz, const std::string& origin);

/// Entries in any order.
struct Triplets {
  int64_t rows = 0, cols = 0;
  std::vector<int32_t> row, col;  ///< within [0, rows) and [0, cols), as checked by the reader
  std::vector<float> value;
};

/// Sorts into CSR; an entry given twice is an error that names its place, counted from `base`, and the entries'
/// numbers.
Result<Weights> weights_from_triplets(const Triplets& triplets, int64_t base, const std::string& origin);

/// CSR as files hold it: checks offsets and columns, sorts rows that need it, refuses duplicates.
Result<Weights> weights_from_csr(int64_t rows, int64_t cols, std::vector<int64_t> row_offsets,
                                 const std::vector<int64_t>& columns, std::vector<float> values,
                                 const std::string& origin);

/// The nonzeros of a dense array: [first dimension, product of the rest].
Result<Weights> weights_from_array(const Array& array, const std::string& origin);

/// Offsets of a compressed dimension: `count` + 1 of them, from 0, not decreasing, at most `nnz`.
Status check_offsets(const std::vector<int64_t>& offsets, int64_t count, int64_t nnz, const char* what,
                     const std::string& origin);

}  // namespace sparsmith::load

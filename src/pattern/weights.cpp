#include "sparsmith/weights.h"

#include <cmath>
#include <new>
#include <string>

namespace sparsmith {
namespace {

int64_t count_nonzeros(const float* row, int64_t cols) {
  int64_t count = 0;
  for (int64_t c = 0; c < cols; ++c) count += row[c] != 0.0f;  // NaN counts: it compares unequal to everything
  return count;
}

Status check_dense(const DenseView& dense) {
  const std::string shape = std::to_string(dense.rows) + "x" + std::to_string(dense.cols);
  if (dense.rows < 1 || dense.cols < 1 || dense.rows > kMaxDimension || dense.cols > kMaxDimension)
    return bad_input("a dense matrix of " + shape + " is out of range: 1 to " + std::to_string(kMaxDimension) +
                     " rows and columns are supported");
  if (dense.data == nullptr) return bad_input("the data pointer of a dense " + shape + " matrix is null");
  if (dense.ld < dense.cols)
    return bad_input("the leading dimension " + std::to_string(dense.ld) + " of a dense " + shape +
                     " matrix is smaller than its columns");
  return success();
}

// Runs what copies a matrix; nothing may throw across the library's edge.
template <class Make>
Result<Weights> with_memory(int64_t rows, int64_t cols, const Make& make) {
  try {
    return make();
  } catch (const std::bad_alloc&) {
    return unsuitable("no memory for the weights of a " + std::to_string(rows) + "x" + std::to_string(cols) +
                      " matrix");
  }
}

// Of a checked view.
Result<Weights> copy_nonzeros(const DenseView& dense) {
  std::vector<int64_t> offsets(dense.rows + 1);
  for (int64_t r = 0; r < dense.rows; ++r)
    offsets[r + 1] = offsets[r] + count_nonzeros(dense.data + r * dense.ld, dense.cols);
  const int64_t nnz = offsets.back();
  if (nnz > kMaxNonzeros)
    return bad_input("a dense " + std::to_string(dense.rows) + "x" + std::to_string(dense.cols) + " matrix with " +
                     std::to_string(nnz) + " nonzeros is too large: at most " + std::to_string(kMaxNonzeros) +
                     " are supported");

  // Every element is written, and the position moves on only past nonzeros: at 10 % density the branch this avoids
  // would be mispredicted for most of them. The write after the last nonzero needs one spare slot.
  std::vector<int32_t> columns(nnz + 1);
  std::vector<float> values(nnz + 1);
  int64_t position = 0;
  for (int64_t r = 0; r < dense.rows; ++r) {
    const float* row = dense.data + r * dense.ld;
    for (int64_t c = 0; c < dense.cols; ++c) {
      columns[position] = static_cast<int32_t>(c);
      values[position] = row[c];
      position += row[c] != 0.0f;
    }
  }
  columns.resize(nnz);
  values.resize(nnz);
  Result<Pattern> pattern = Pattern::create(dense.rows, dense.cols, std::move(offsets), std::move(columns));
  if (!pattern) return pattern.error();
  return Weights::create(*std::move(pattern), std::move(values));
}

}  // namespace

Result<Weights> Weights::from_dense(DenseView dense) {
  if (Status s = check_dense(dense); !s) return s.error();
  return with_memory(dense.rows, dense.cols, [&] { return copy_nonzeros(dense); });
}

Result<Weights> Weights::from_csr(CsrView csr) {
  if (csr.values.size() != csr.columns.size())
    return bad_input("a CSR matrix with " + std::to_string(csr.columns.size()) +
                     " column indices needs as many values, not " + std::to_string(csr.values.size()));
  return with_memory(csr.rows, csr.cols, [&]() -> Result<Weights> {
    Result<Pattern> pattern = Pattern::create(csr.rows, csr.cols, {csr.row_offsets.begin(), csr.row_offsets.end()},
                                              {csr.columns.begin(), csr.columns.end()});
    if (!pattern) return pattern.error();
    return Weights(*std::move(pattern), {csr.values.begin(), csr.values.end()});
  });
}

Result<Weights> Weights::create(Pattern pattern, std::vector<float> values) {
  if (static_cast<int64_t>(values.size()) != pattern.nnz())
    return bad_input("a pattern of " + std::to_string(pattern.nnz()) + " nonzeros needs as many values, not " +
                     std::to_string(values.size()));
  return Weights(std::move(pattern), std::move(values));
}

int64_t Weights::nonfinite() const {
  int64_t count = 0;
  for (const float v : values_) count += !std::isfinite(v);
  return count;
}

std::vector<float> Weights::to_dense() const {
  std::vector<float> dense(rows() * cols());
  const auto offsets = pattern_.row_offsets();
  const auto columns = pattern_.columns();
  for (int64_t r = 0; r < rows(); ++r)
    for (int64_t i = offsets[r]; i < offsets[r + 1]; ++i) dense[r * cols() + columns[i]] = values_[i];
  return dense;
}

}  // namespace sparsmith

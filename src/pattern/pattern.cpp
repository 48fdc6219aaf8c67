#include "sparsmith/pattern.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "pattern/check.h"

namespace sparsmith {

struct Pattern::Data {
  int64_t rows = 0, cols = 0;
  std::vector<int64_t> row_offsets;
  std::vector<int32_t> columns;
  Digest digest;
};

namespace {

std::string shape_text(int64_t rows, int64_t cols) { return std::to_string(rows) + "x" + std::to_string(cols); }

Status check_dimension(const char* what, int64_t value) {
  if (value >= 1 && value <= kMaxDimension) return success();
  return bad_input(std::string("a pattern of ") + std::to_string(value) + " " + what + " is out of range: 1 to " +
                   std::to_string(kMaxDimension) + " " + what + " are supported");
}

Status check_offsets(int64_t rows, std::span<const int64_t> offsets, size_t nnz) {
  if (offsets.size() != static_cast<size_t>(rows) + 1)
    return bad_input("a pattern of " + std::to_string(rows) + " rows needs " + std::to_string(rows + 1) +
                     " row offsets, not " + std::to_string(offsets.size()));
  if (offsets.front() != 0)
    return bad_input("row 0: the first row offset is " + std::to_string(offsets.front()) + ", it must be 0");
  for (int64_t r = 0; r < rows; ++r)
    if (offsets[r + 1] < offsets[r])
      return bad_input("row " + std::to_string(r) + ": its offset range goes backwards, from " +
                       std::to_string(offsets[r]) + " to " + std::to_string(offsets[r + 1]));
  if (offsets.back() != static_cast<int64_t>(nnz))
    return bad_input("row " + std::to_string(rows - 1) + ": the last row offset is " + std::to_string(offsets.back()) +
                     ", it must be the number of column indices, " + std::to_string(nnz));
  return success();
}

// Says what is wrong with the first bad column of a row known to hold one.
Error describe_bad_row(int64_t row, std::span<const int32_t> columns, int64_t cols) {
  const std::string where = "row " + std::to_string(row) + ": ";
  for (size_t i = 0; i < columns.size(); ++i) {
    const int32_t c = columns[i];
    if (c < 0 || c >= cols)
      return bad_input(where + "column index " + std::to_string(c) + " is out of range, the matrix has " +
                       std::to_string(cols) + " columns (0 to " + std::to_string(cols - 1) + ")");
    if (i > 0 && c == columns[i - 1]) return bad_input(where + "column index " + std::to_string(c) + " appears twice");
    if (i > 0 && c < columns[i - 1])
      return bad_input(where + "column index " + std::to_string(c) + " follows " + std::to_string(columns[i - 1]) +
                       "; a row's column indices must be increasing");
  }
  return internal_error(where + "rejected without a reason");
}

Status check_columns(int64_t rows, int64_t cols, std::span<const int64_t> offsets, std::span<const int32_t> columns) {
  for (int64_t r = 0; r < rows; ++r) {
    const auto row = columns.subspan(offsets[r], offsets[r + 1] - offsets[r]);
    if (row.empty()) continue;
    // Increasing from a first >= 0 to a last < cols bounds all between; the loop has no exit so that it vectorises.
    bool rising = true;
    for (size_t i = 1; i < row.size(); ++i) rising &= row[i - 1] < row[i];
    if (!rising || row.front() < 0 || row.back() >= cols) return describe_bad_row(r, row, cols);
  }
  return success();
}

Digest digest_pattern(int64_t rows, int64_t cols, const std::vector<int64_t>& offsets,
                      const std::vector<int32_t>& columns) {
  const int64_t shape[2] = {rows, cols};
  XXH3_state_t state;
  XXH3_128bits_reset(&state);
  XXH3_128bits_update(&state, shape, sizeof shape);
  XXH3_128bits_update(&state, offsets.data(), offsets.size() * sizeof offsets[0]);
  XXH3_128bits_update(&state, columns.data(), columns.size() * sizeof columns[0]);
  const XXH128_hash_t hash = XXH3_128bits_digest(&state);
  return {hash.high64, hash.low64};
}

}  // namespace

Status check_csr(int64_t rows, int64_t cols, std::span<const int64_t> row_offsets, std::span<const int32_t> columns) {
  if (Status s = check_dimension("rows", rows); !s) return s.error();
  if (Status s = check_dimension("columns", cols); !s) return s.error();
  if (columns.size() > static_cast<size_t>(kMaxNonzeros))
    return bad_input("a " + shape_text(rows, cols) + " pattern with " + std::to_string(columns.size()) +
                     " nonzeros is too large: at most " + std::to_string(kMaxNonzeros) + " are supported");
  if (Status s = check_offsets(rows, row_offsets, columns.size()); !s) return s.error();
  if (Status s = check_columns(rows, cols, row_offsets, columns); !s) return s.error();
  return success();
}

Result<Pattern> Pattern::create(int64_t rows, int64_t cols, std::vector<int64_t> row_offsets,
                                std::vector<int32_t> columns) {
  if (Status s = check_csr(rows, cols, row_offsets, columns); !s) return s.error();
  const Digest digest = digest_pattern(rows, cols, row_offsets, columns);
  return Pattern(std::make_shared<const Data>(Data{rows, cols, std::move(row_offsets), std::move(columns), digest}));
}

int64_t Pattern::rows() const { return data_->rows; }
int64_t Pattern::cols() const { return data_->cols; }
int64_t Pattern::nnz() const { return static_cast<int64_t>(data_->columns.size()); }
double Pattern::density() const {
  return static_cast<double>(nnz()) / (static_cast<double>(rows()) * static_cast<double>(cols()));
}
std::span<const int64_t> Pattern::row_offsets() const { return data_->row_offsets; }
std::span<const int32_t> Pattern::columns() const { return data_->columns; }
const Digest& Pattern::digest() const { return data_->digest; }

bool Pattern::operator==(const Pattern& other) const {
  if (data_ == other.data_) return true;
  return data_->digest == other.data_->digest && data_->rows == other.data_->rows && data_->cols == other.data_->cols &&
         data_->row_offsets == other.data_->row_offsets && data_->columns == other.data_->columns;
}

}  // namespace sparsmith

#include "load/sparse.h"

#include <algorithm>
#include <numeric>

#include "load/messages.h"
#include "load/numeric.h"

namespace sparsmith::load {
namespace {

Result<Weights> build(int64_t rows, int64_t cols, std::vector<int64_t> row_offsets, std::vector<int32_t> columns,
                      std::vector<float> values, const std::string& origin) {
  auto pattern = Pattern::create(rows, cols, std::move(row_offsets), std::move(columns));
  if (!pattern) return in_file(origin, pattern.error());
  auto weights = Weights::create(*std::move(pattern), std::move(values));
  if (!weights) return in_file(origin, weights.error());
  return weights;
}

}  // namespace

Status check_sparse_shape(int64_t rows, int64_t cols, int64_t nnz, const std::string& origin) {
  if (rows < 1 || cols < 1) {
    return bad_input(join(origin, ": declares a ", rows, " x ", cols, " matrix; both dimensions must be at least 1"));
  }
  if (nnz < 0) return bad_input(join(origin, ": declares ", nnz, " nonzeros; their number can't be negative"));
  if (rows > kMaxDimension || cols > kMaxDimension) {
    return bad_input(join(origin, ": declares a ", rows, " x ", cols, " matrix; at most ", kMaxDimension,
                          " rows and columns are supported"));
  }
  if (nnz > kMaxNonzeros) {
    return bad_input(join(origin, ": declares ", nnz, " nonzeros; at most ", kMaxNonzeros, " are supported"));
  }
  if (nnz > rows * cols) {
    return bad_input(join(origin, ": declares ", nnz, " nonzeros in a ", rows, " x ", cols, " matrix, which has only ",
                          rows * cols, " elements"));
  }
  constexpr int64_t kFreeDimension = int64_t{1} << 20, kDimensionPerNonzero = 64;
  const int64_t limit = kFreeDimension + kDimensionPerNonzero * nnz;
  if (std::max(rows, cols) > limit) {
    return bad_input(join(origin, ": declares a ", rows, " x ", cols, " matrix with only ", nnz,
                          " nonzeros; with so few, at most ", limit, " rows and columns are accepted"),
                     "drop the empty rows and columns");
  }
  return success();
}

Result<Weights> weights_from_triplets(const Triplets& triplets, int64_t base, const std::string& origin) {
  const size_t nnz = triplets.value.size();
  if (Status status = check_sparse_shape(triplets.rows, triplets.cols, static_cast<int64_t>(nnz), origin); !status) {
    return status.error();
  }
  // Counting sort by row, then each row by column; entry numbers are sorted so that messages can name them.
  std::vector<int64_t> offsets(triplets.rows + 1, 0);
  for (const int32_t row : triplets.row) ++offsets[row + 1];
  std::partial_sum(offsets.begin(), offsets.end(), offsets.begin());
  std::vector<uint32_t> entries(nnz);
  {
    std::vector<int64_t> next(offsets.begin(), offsets.end() - 1);
    for (size_t i = 0; i < nnz; ++i) entries[next[triplets.row[i]]++] = static_cast<uint32_t>(i);
  }
  const auto by_column = [&](uint32_t a, uint32_t b) {
    return triplets.col[a] != triplets.col[b] ? triplets.col[a] < triplets.col[b] : a < b;
  };
  std::vector<int32_t> columns(nnz);
  std::vector<float> values(nnz);
  for (int64_t row = 0; row < triplets.rows; ++row) {
    const auto first = entries.begin() + offsets[row], last = entries.begin() + offsets[row + 1];
    if (!std::is_sorted(first, last, by_column)) std::sort(first, last, by_column);
    for (int64_t i = offsets[row]; i < offsets[row + 1]; ++i) {
      columns[i] = triplets.col[entries[i]];
      values[i] = triplets.value[entries[i]];
      if (i > offsets[row] && columns[i] == columns[i - 1]) {
        return bad_input(
            join(origin, ": row ", row + base, ", column ", columns[i] + base, " is given twice, by entries ",
                 entries[i - 1] + base, " and ", entries[i] + base, " (counted from ", base, ")"),
            "each position may be given once");
      }
    }
  }
  return build(triplets.rows, triplets.cols, std::move(offsets), std::move(columns), std::move(values), origin);
}

Status check_offsets(const std::vector<int64_t>& offsets, int64_t count, int64_t nnz, const char* what,
                     const std::string& origin) {
  if (static_cast<int64_t>(offsets.size()) != count + 1) {
    return bad_input(join(origin, ": has ", offsets.size(), " ", what, " offsets; ", count + 1,
                          " are expected, one more than ", what, "s"));
  }
  if (offsets.front() != 0) {
    return bad_input(join(origin, ": the first ", what, " offset is ", offsets.front(), "; it must be 0"));
  }
  for (int64_t i = 0; i < count; ++i) {
    if (offsets[i + 1] < offsets[i]) {
      return bad_input(
          join(origin, ": the offsets decrease after ", what, " ", i, ", from ", offsets[i], " to ", offsets[i + 1]));
    }
  }
  if (offsets.back() > nnz) {
    return bad_input(
        join(origin, ": the last ", what, " offset is ", offsets.back(), ", but there are only ", nnz, " indices"));
  }
  return success();
}

Result<Weights> weights_from_csr(int64_t rows, int64_t cols, std::vector<int64_t> row_offsets,
                                 const std::vector<int64_t>& columns, std::vector<float> values,
                                 const std::string& origin) {
  if (columns.size() != values.size()) {
    return bad_input(join(origin, ": has ", columns.size(), " column indices but ", values.size(), " values"));
  }
  if (Status status = check_offsets(row_offsets, rows, static_cast<int64_t>(columns.size()), "row", origin); !status) {
    return status.error();
  }
  const int64_t nnz = row_offsets.back();  // scipy may keep room after the last row
  if (Status status = check_sparse_shape(rows, cols, nnz, origin); !status) return status.error();
  values.resize(nnz);
  std::vector<int32_t> sorted(nnz);
  std::vector<std::pair<int32_t, float>> row_entries;
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t first = row_offsets[row], last = row_offsets[row + 1];
    bool ascending = true;
    for (int64_t i = first; i < last; ++i) {
      if (columns[i] < 0 || columns[i] >= cols) {
        return bad_input(
            join(origin, ": row ", row, " has column index ", columns[i], "; columns run from 0 to ", cols - 1));
      }
      sorted[i] = static_cast<int32_t>(columns[i]);
      if (i > first && sorted[i] <= sorted[i - 1]) ascending = false;
    }
    if (ascending) continue;
    row_entries.clear();
    for (int64_t i = first; i < last; ++i) row_entries.emplace_back(sorted[i], values[i]);
    std::sort(row_entries.begin(), row_entries.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (int64_t i = first; i < last; ++i) {
      std::tie(sorted[i], values[i]) = row_entries[i - first];
      if (i > first && sorted[i] == sorted[i - 1]) {
        return bad_input(join(origin, ": row ", row, " has column ", sorted[i], " twice"),
                         "scipy's sum_duplicates() merges them");
      }
    }
  }
  return build(rows, cols, std::move(row_offsets), std::move(sorted), std::move(values), origin);
}

Result<Weights> weights_from_array(const Array& array, const std::string& origin) {
  if (array.shape.size() < 2) {
    return bad_input(join(origin, ": has shape ", shape_text(array.shape), "; weights need at least 2 dimensions"));
  }
  if (array.size() == 0) {
    return bad_input(join(origin, ": has shape ", shape_text(array.shape), "; all dimensions must be at least 1"));
  }
  const int64_t rows = array.shape[0], cols = array.size() / rows;
  auto weights = Weights::from_dense({array.data.data(), rows, cols, cols});
  if (!weights) return in_file(origin, weights.error());
  return weights;
}

}  // namespace sparsmith::load

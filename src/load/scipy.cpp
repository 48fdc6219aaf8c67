// scipy.sparse.save_npz keeps a matrix as members: format, shape, data, and by format indices + indptr (csr, csc, bsr)
// or row + col (coo).
#include "load/messages.h"
#include "load/npz.h"
#include "load/sparse.h"

namespace sparsmith::load {
namespace {

/// What csr, csc and bsr share.
struct Compressed {
  std::vector<int64_t> indptr, indices;
  Array data;
};

Result<Compressed> read_compressed(const Npz& npz) {
  Compressed parts;
  auto indptr = npz.integers("indptr");
  if (!indptr) return indptr.error();
  auto indices = npz.integers("indices");
  if (!indices) return indices.error();
  auto data = npz.floats("data");
  if (!data) return data.error();
  return Compressed{*std::move(indptr), *std::move(indices), *std::move(data)};
}

Status check_one_dimension(const Array& data, const Npz& npz) {
  if (data.shape.size() == 1) return success();
  return bad_input(
      join(npz.member_origin("data"), ": has shape ", shape_text(data.shape), "; one dimension is expected"));
}

Result<Weights> from_csc(int64_t rows, int64_t cols, const Compressed& parts, const std::string& origin) {
  if (parts.indices.size() != parts.data.data.size()) {
    return bad_input(
        join(origin, ": has ", parts.indices.size(), " row indices but ", parts.data.data.size(), " values"));
  }
  const auto count = static_cast<int64_t>(parts.indices.size());
  if (Status status = check_offsets(parts.indptr, cols, count, "column", origin); !status) return status.error();
  Triplets triplets{rows, cols, {}, {}, parts.data.data};
  const int64_t nnz = parts.indptr.back();
  triplets.value.resize(nnz);
  triplets.row.resize(nnz);
  triplets.col.resize(nnz);
  for (int64_t col = 0; col < cols; ++col) {
    for (int64_t i = parts.indptr[col]; i < parts.indptr[col + 1]; ++i) {
      if (parts.indices[i] < 0 || parts.indices[i] >= rows) {
        return bad_input(
            join(origin, ": column ", col, " has row index ", parts.indices[i], "; rows run from 0 to ", rows - 1));
      }
      triplets.row[i] = static_cast<int32_t>(parts.indices[i]);
      triplets.col[i] = static_cast<int32_t>(col);
    }
  }
  return weights_from_triplets(triplets, 0, origin);
}

Result<Weights> from_coo(int64_t rows, int64_t cols, const Npz& npz, const std::string& origin) {
  const auto row = npz.integers("row");
  if (!row) return row.error();
  const auto col = npz.integers("col");
  if (!col) return col.error();
  auto data = npz.floats("data");
  if (!data) return data.error();
  if (Status status = check_one_dimension(*data, npz); !status) return status.error();
  const size_t nnz = data->data.size();
  if (row->size() != nnz || col->size() != nnz) {
    return bad_input(join(origin, ": has ", row->size(), " row indices, ", col->size(), " column indices and ", nnz,
                          " values; their numbers must be equal"));
  }
  Triplets triplets{rows, cols, std::vector<int32_t>(nnz), std::vector<int32_t>(nnz), std::move(data->data)};
  for (size_t i = 0; i < nnz; ++i) {
    const int64_t r = (*row)[i], c = (*col)[i];
    if (r < 0 || r >= rows || c < 0 || c >= cols) {
      return bad_input(join(origin, ": entry ", i, " is at row ", r, ", column ", c, " of a ", rows, " x ", cols,
                            " matrix (counted from 0)"));
    }
    triplets.row[i] = static_cast<int32_t>(r);
    triplets.col[i] = static_cast<int32_t>(c);
  }
  return weights_from_triplets(triplets, 0, origin);
}

/// Blocks are dense storage: their exact zeros are no nonzeros.
Result<Weights> from_bsr(int64_t rows, int64_t cols, const Compressed& parts, const std::string& origin) {
  const auto& shape = parts.data.shape;
  if (shape.size() != 3 || shape[1] < 1 || shape[2] < 1) {
    return bad_input(
        join(origin, ":data: has shape ", shape_text(shape), "; a bsr matrix has (blocks, block rows, block columns)"));
  }
  const int64_t block_rows = shape[1], block_cols = shape[2];
  if (rows % block_rows != 0 || cols % block_cols != 0) {
    return bad_input(
        join(origin, ": ", block_rows, " x ", block_cols, " blocks don't divide a ", rows, " x ", cols, " matrix"));
  }
  if (static_cast<int64_t>(parts.indices.size()) != shape[0]) {
    return bad_input(join(origin, ": has ", parts.indices.size(), " block indices but ", shape[0], " blocks"));
  }
  const int64_t bands = rows / block_rows, columns = cols / block_cols;
  if (Status status = check_offsets(parts.indptr, bands, shape[0], "block row", origin); !status) return status.error();
  Triplets triplets{rows, cols, {}, {}, {}};
  for (int64_t band = 0; band < bands; ++band) {
    for (int64_t b = parts.indptr[band]; b < parts.indptr[band + 1]; ++b) {
      const int64_t column = parts.indices[b];
      if (column < 0 || column >= columns) {
        return bad_input(
            join(origin, ": block row ", band, " has block column ", column, "; they run from 0 to ", columns - 1));
      }
      const float* block = parts.data.data.data() + b * block_rows * block_cols;
      for (int64_t i = 0; i < block_rows * block_cols; ++i) {
        if (block[i] == 0.0f) continue;
        triplets.row.push_back(static_cast<int32_t>(band * block_rows + i / block_cols));
        triplets.col.push_back(static_cast<int32_t>(column * block_cols + i % block_cols));
        triplets.value.push_back(block[i]);
      }
    }
  }
  return weights_from_triplets(triplets, 0, origin);
}

}  // namespace

bool is_scipy_sparse(const Npz& npz) { return npz.has("format") && npz.has("shape") && npz.has("data"); }

Result<Weights> scipy_weights(const Npz& npz, const std::string& origin) {
  const auto format_member = npz.read("format");
  if (!format_member) return format_member.error();
  const auto format = decode_npy_text(format_member->header, format_member->data, npz.member_origin("format"));
  if (!format) return format.error();
  const auto shape = npz.integers("shape");
  if (!shape) return shape.error();
  if (shape->size() != 2) {
    return bad_input(
        join(origin, ": the sparse matrix has shape ", shape_text(*shape), "; two dimensions are expected"));
  }
  const int64_t rows = (*shape)[0], cols = (*shape)[1];
  // Without knowing the nonzeros yet: the limits that don't depend on them.
  if (rows < 1 || cols < 1 || rows > kMaxDimension || cols > kMaxDimension) {
    return bad_input(join(origin, ": the sparse matrix has shape ", shape_text(*shape),
                          "; dimensions must be from 1 to ", kMaxDimension));
  }
  if (*format == "coo") return from_coo(rows, cols, npz, origin);
  if (*format != "csr" && *format != "csc" && *format != "bsr") {
    return bad_input(
        join(origin, ": scipy.sparse format ", visible(*format), " is not supported; csr, csc, coo and bsr are"),
        "save it with scipy.sparse.save_npz(name, matrix.tocsr())");
  }
  auto parts = read_compressed(npz);
  if (!parts) return parts.error();
  if (*format == "bsr") return from_bsr(rows, cols, *parts, origin);
  if (Status status = check_one_dimension(parts->data, npz); !status) return status.error();
  if (*format == "csc") return from_csc(rows, cols, *parts, origin);
  return weights_from_csr(rows, cols, std::move(parts->indptr), parts->indices, std::move(parts->data.data), origin);
}

}  // namespace sparsmith::load

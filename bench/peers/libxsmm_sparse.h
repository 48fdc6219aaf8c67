/// \file
/// LIBXSMM's two sparse code generators, the faster of:
///  * packed CSR SpMM (libxsmm_create_xcsr_soa): X in blocks of 1 to 16 vectors of 16 columns, values as data;
///  * fsspmdm: row-major X, the values in registers, at most 1280 distinct ones.
/// Both refuse or degrade beyond a code size or a number of values, so rows are split until every piece fits.
#pragma once

#include <libxsmm.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>
#include <stdexcept>

#include "bench/peers/im2col.h"
#include "bench/peers/module.h"

namespace sparsmith::peers {

inline constexpr int64_t kVector = 16;  // floats, AVX-512; N is padded to it
inline int64_t vectors(int64_t n) { return (n + kVector - 1) / kVector; }

/// Rows [begin, end) with the most rows whose cost stays within the limit (at least one row).
inline std::vector<std::pair<int64_t, int64_t>> split_rows(int64_t rows,
                                                           const std::function<bool(int64_t, int64_t)>& fits) {
  std::vector<std::pair<int64_t, int64_t>> pieces;
  for (int64_t begin = 0; begin < rows;) {
    int64_t end = begin + 1;
    while (end < rows && fits(begin, end + 1)) ++end;
    pieces.emplace_back(begin, end);
    begin = end;
  }
  return pieces;
}

/// Rows that both generators leave as they were, where a product has zeros.
inline std::vector<int64_t> empty_rows(const SparsmithPeerProblem& p) {
  std::vector<int64_t> rows;
  for (int64_t m = 0; m < p.m; ++m) {
    if (p.row_offsets[m] == p.row_offsets[m + 1]) rows.push_back(m);
  }
  return rows;
}

class PackedCsr : public Variant {
 public:
  PackedCsr(const SparsmithPeerProblem& p, int64_t max_vectors)
      : p_(p),
        blocks_((vectors(p.n) + max_vectors - 1) / max_vectors),
        width_((vectors(p.n) + blocks_ - 1) / blocks_),
        x_(blocks_ * p.k * row()),
        y_(blocks_ * p.m * row()),
        values_(p.values, p.values + p.nnz) {
    std::fill_n(y_.data(), blocks_ * p.m * row(), std::nanf(""));
    empty_rows_ = empty_rows(p);
    // A nonzero costs one broadcast and `width` multiply-adds with memory operands, a row `width` loads and stores.
    constexpr int64_t kCodeLimit = 100 * 1024, kInstruction = 11;
    const auto fits = [&](int64_t begin, int64_t end) {
      const int64_t nonzeros = p.row_offsets[end] - p.row_offsets[begin];
      return (nonzeros * (width_ + 1) + (end - begin) * 2 * width_) * kInstruction <= kCodeLimit;
    };
    for (const auto& [begin, end] : split_rows(p.m, fits)) add_piece(begin, end);
    for (int64_t b = 0; b < blocks_; ++b) {
      for (int64_t k = 0; k < p.k; ++k) {
        const int64_t column = b * row(), count = std::min(row(), p.n - column);
        if (count > 0) {
          std::copy_n(p.x + k * p.n + column, count, x_.data() + (b * p.k + k) * row());
        }
      }
    }
  }
  ~PackedCsr() override { release(); }
  Columns columns() { return {x_.data(), row(), row(), p_.k * row()}; }
  void run() override {
    for (int64_t b = 0; b < blocks_; ++b) {
      for (const Piece& piece : pieces_) {
        piece.kernel(values_.data() + piece.first_value, x_.data() + b * p_.k * row(),
                     y_.data() + (b * p_.m + piece.first_row) * row());
      }
      for (const int64_t m : empty_rows_) std::fill_n(y_.data() + (b * p_.m + m) * row(), row(), 0.0f);
    }
  }
  void finish() override {
    for (int64_t b = 0; b < blocks_; ++b) {
      const int64_t column = b * row(), count = std::min(row(), p_.n - column);
      for (int64_t m = 0; m < p_.m && count > 0; ++m) {
        std::copy_n(y_.data() + (b * p_.m + m) * row(), count, p_.y + m * p_.n + column);
      }
    }
  }

 private:
  struct Piece {
    libxsmm_smmfunction kernel;
    int64_t first_row, first_value;
  };

  int64_t row() const { return width_ * kVector; }
  void release() {
    for (const Piece& piece : pieces_) libxsmm_release_kernel(reinterpret_cast<const void*>(piece.kernel));
    pieces_.clear();
  }
  void add_piece(int64_t begin, int64_t end) {
    const int64_t first = p_.row_offsets[begin];
    std::vector<unsigned> offsets, columns(p_.columns + first, p_.columns + p_.row_offsets[end]);
    for (int64_t r = begin; r <= end; ++r) offsets.push_back(static_cast<unsigned>(p_.row_offsets[r] - first));
    columns.push_back(0);  // never null, even for empty rows
    libxsmm_descriptor_blob blob;
    const auto m = static_cast<libxsmm_blasint>(end - begin), n = static_cast<libxsmm_blasint>(width_),
               k = static_cast<libxsmm_blasint>(p_.k);
    const libxsmm_gemm_descriptor* descriptor = libxsmm_gemm_descriptor_dinit(
        &blob, LIBXSMM_GEMM_PRECISION_F32, m, n, k, 0, n, n, 1.0, 0.0, LIBXSMM_GEMM_FLAG_NONE, LIBXSMM_PREFETCH_NONE);
    const libxsmm_smmfunction kernel =
        descriptor ? libxsmm_create_xcsr_soa(descriptor, offsets.data(), columns.data(), values_.data() + first,
                                             static_cast<unsigned>(kVector))
                         .smm
                   : nullptr;
    if (!kernel) {
      release();
      throw std::runtime_error("libxsmm_create_xcsr_soa made no kernel of rows " + std::to_string(begin) + " to " +
                               std::to_string(end));
    }
    pieces_.push_back({kernel, begin, first});
  }

  SparsmithPeerProblem p_;
  int64_t blocks_, width_;
  Floats x_, y_;
  std::vector<float> values_;
  std::vector<int64_t> empty_rows_;
  std::vector<Piece> pieces_;
};

class FixedSparse : public Variant {
 public:
  explicit FixedSparse(const SparsmithPeerProblem& p)
      : p_(p), n_(vectors(p.n) * kVector), x_(p.k * n_), y_(p.m * n_), w_(p.dense_w, p.dense_w + p.m * p.k) {
    constexpr size_t kDistinctValues = 1280;
    std::fill_n(y_.data(), p.m * n_, std::nanf(""));
    empty_rows_ = empty_rows(p);
    // Called for growing `end`; the set holds the rows before it.
    std::set<float> distinct;
    const auto fits = [&](int64_t begin, int64_t end) {
      if (end == begin + 2) distinct = {p.values + p.row_offsets[begin], p.values + p.row_offsets[begin + 1]};
      distinct.insert(p.values + p.row_offsets[end - 1], p.values + p.row_offsets[end]);
      return distinct.size() <= kDistinctValues;
    };
    for (const auto& [begin, end] : split_rows(p.m, fits)) {
      const auto m = static_cast<libxsmm_blasint>(end - begin), n = static_cast<libxsmm_blasint>(n_),
                 k = static_cast<libxsmm_blasint>(p.k);
      libxsmm_sfsspmdm* const handle =
          libxsmm_sfsspmdm_create(m, n, k, k, n, n, 1.0f, 0.0f, 0, w_.data() + begin * p.k);
      if (!handle) {
        release();
        throw std::runtime_error("libxsmm_sfsspmdm_create made no kernel");
      }
      pieces_.push_back({handle, begin});
    }
    for (int64_t k = 0; k < p.k; ++k) std::copy_n(p.x + k * p.n, p.n, x_.data() + k * n_);
  }
  ~FixedSparse() override { release(); }
  Columns columns() { return {x_.data(), n_, n_, 0}; }
  void run() override {
    for (const Piece& piece : pieces_) {
      libxsmm_sfsspmdm_execute(piece.handle, x_.data(), y_.data() + piece.first_row * n_);
    }
    for (const int64_t m : empty_rows_) std::fill_n(y_.data() + m * n_, n_, 0.0f);
  }
  void finish() override {
    for (int64_t m = 0; m < p_.m; ++m) std::copy_n(y_.data() + m * n_, p_.n, p_.y + m * p_.n);
  }

 private:
  struct Piece {
    libxsmm_sfsspmdm* handle;
    int64_t first_row;
  };
  void release() {
    for (const Piece& piece : pieces_) libxsmm_sfsspmdm_destroy(piece.handle);
    pieces_.clear();
  }

  SparsmithPeerProblem p_;
  int64_t n_;
  Floats x_, y_;
  std::vector<float> w_;
  std::vector<int64_t> empty_rows_;
  std::vector<Piece> pieces_;
};

template <class V, class... Args>
void try_variant(std::vector<std::unique_ptr<Variant>>& variants, std::string& reasons, const Args&... args) {
  try {
    variants.push_back(std::make_unique<V>(args...));
  } catch (const std::exception& error) {
    const std::string reason = error.what();
    if (reasons.find(reason) == std::string::npos) reasons += (reasons.empty() ? "" : "; ") + reason;
  }
}

/// The faster generator and block width, for a product or (with `Wrap` = Im2col) a convolution.
template <template <class> class Wrap>
std::unique_ptr<Variant> fastest_libxsmm(const SparsmithPeerProblem& problem) {
  if (problem.threads > 1) throw std::runtime_error("its generated kernels are single-threaded");
  if (!__builtin_cpu_supports("avx512f")) throw std::runtime_error("its sparse kernels are used with AVX-512 only");
  libxsmm_init();
  std::vector<std::unique_ptr<Variant>> variants;
  std::string reasons;
  // Wide blocks broadcast a value less often, narrow ones have code that stays in the cache.
  for (const int64_t width : {1, 2, 4, 8, 16}) {
    if (width == 1 || vectors(problem.n) > width / 2) try_variant<Wrap<PackedCsr>>(variants, reasons, problem, width);
  }
  try_variant<Wrap<FixedSparse>>(variants, reasons, problem);
  if (variants.empty()) throw std::runtime_error(reasons);
  return fastest(std::move(variants));
}

inline const char* libxsmm_version() { return "LIBXSMM " LIBXSMM_VERSION " (" LIBXSMM_BRANCH ")"; }

}  // namespace sparsmith::peers

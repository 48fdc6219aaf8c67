/// \file
/// MKL's inspector-executor sparse BLAS: CSR times dense (mm), mv at N = 1.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/peers/mkl_threads.h"
#include "bench/peers/module.h"

namespace sparsmith::peers {

inline void check_mkl(sparse_status_t status, const char* call) {
  if (status == SPARSE_STATUS_SUCCESS) return;
  throw std::runtime_error(std::string(call) + " returned status " + std::to_string(static_cast<int>(status)));
}

class Spmm : public Variant {
 public:
  Spmm(const SparsmithPeerProblem& problem, sparse_layout_t layout)
      : p_(problem), layout_(layout), n_(static_cast<MKL_INT>(p_.n)) {
    offsets_.assign(p_.row_offsets, p_.row_offsets + p_.m + 1);
    columns_.assign(p_.columns, p_.columns + p_.nnz);
    values_.assign(p_.values, p_.values + p_.nnz);
    check_mkl(mkl_sparse_s_create_csr(&matrix_, SPARSE_INDEX_BASE_ZERO, static_cast<MKL_INT>(p_.m),
                                      static_cast<MKL_INT>(p_.k), offsets_.data(), offsets_.data() + 1, columns_.data(),
                                      values_.data()),
              "mkl_sparse_s_create_csr");
    description_.type = SPARSE_MATRIX_TYPE_GENERAL;
    // A hint that MKL can't use is no failure: it runs as it would without.
    constexpr MKL_INT kExpectedCalls = 100000;
    if (n_ == 1) {
      mkl_sparse_set_mv_hint(matrix_, SPARSE_OPERATION_NON_TRANSPOSE, description_, kExpectedCalls);
    } else {
      mkl_sparse_set_mm_hint(matrix_, SPARSE_OPERATION_NON_TRANSPOSE, description_, layout_, n_, kExpectedCalls);
    }
    mkl_sparse_set_memory_hint(matrix_, SPARSE_MEMORY_AGGRESSIVE);
    mkl_sparse_optimize(matrix_);
    if (layout_ == SPARSE_LAYOUT_COLUMN_MAJOR) {
      x_ = std::make_unique<Floats>(p_.k * p_.n);
      y_ = std::make_unique<Floats>(p_.m * p_.n);
      transpose(p_.x, p_.k, p_.n, x_->data());
    }
  }
  ~Spmm() override {
    if (matrix_) mkl_sparse_destroy(matrix_);
  }
  void run() override {
    constexpr auto kPlain = SPARSE_OPERATION_NON_TRANSPOSE;
    if (n_ == 1) {
      mkl_sparse_s_mv(kPlain, 1.0f, matrix_, description_, p_.x, 0.0f, p_.y);
    } else if (layout_ == SPARSE_LAYOUT_ROW_MAJOR) {
      mkl_sparse_s_mm(kPlain, 1.0f, matrix_, description_, layout_, p_.x, n_, n_, 0.0f, p_.y, n_);
    } else {
      mkl_sparse_s_mm(kPlain, 1.0f, matrix_, description_, layout_, x_->data(), n_, static_cast<MKL_INT>(p_.k), 0.0f,
                      y_->data(), static_cast<MKL_INT>(p_.m));
    }
  }
  void finish() override {
    if (y_) transpose(y_->data(), p_.n, p_.m, p_.y);
  }

 private:
  SparsmithPeerProblem p_;
  sparse_layout_t layout_;
  MKL_INT n_;
  std::vector<MKL_INT> offsets_, columns_;
  std::vector<float> values_;
  sparse_matrix_t matrix_ = nullptr;
  matrix_descr description_{};
  std::unique_ptr<Floats> x_, y_;
};

}  // namespace sparsmith::peers

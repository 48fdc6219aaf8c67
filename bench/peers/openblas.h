/// \file
/// OpenBLAS sgemm (sgemv at N = 1), row-major.
#pragma once

#include <cblas.h>

#include <string>

#include "bench/peers/module.h"

namespace sparsmith::peers {

class OpenblasGemm : public Variant {
 public:
  explicit OpenblasGemm(const SparsmithPeerProblem& problem) : p_(problem) {
    openblas_set_num_threads(problem.threads);
  }
  void run() override {
    const auto m = static_cast<blasint>(p_.m), k = static_cast<blasint>(p_.k), n = static_cast<blasint>(p_.n);
    if (n == 1) {
      cblas_sgemv(CblasRowMajor, CblasNoTrans, m, k, 1.0f, p_.dense_w, k, p_.x, 1, 0.0f, p_.y, 1);
    } else {
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, 1.0f, p_.dense_w, k, p_.x, n, 0.0f, p_.y, n);
    }
  }
  void finish() override {}

 private:
  SparsmithPeerProblem p_;
};

inline const char* openblas_version() {
  static const std::string text = std::string(openblas_get_config()) + " " + openblas_get_corename();
  return text.c_str();
}

}  // namespace sparsmith::peers

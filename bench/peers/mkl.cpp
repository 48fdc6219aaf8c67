// MKL's dense sgemm, row-major: plain, and with W packed ahead by MKL itself; sgemv at N = 1.
#include "bench/peers/mkl_threads.h"
#include "bench/peers/module.h"

namespace {

using namespace sparsmith::peers;

class Gemm : public Variant {
 public:
  explicit Gemm(const SparsmithPeerProblem& problem) : p_(problem) {}
  void run() override {
    const auto m = static_cast<MKL_INT>(p_.m), k = static_cast<MKL_INT>(p_.k), n = static_cast<MKL_INT>(p_.n);
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

class PackedGemm : public Variant {
 public:
  explicit PackedGemm(const SparsmithPeerProblem& problem)
      : p_(problem), m_(static_cast<MKL_INT>(p_.m)), k_(static_cast<MKL_INT>(p_.k)), n_(static_cast<MKL_INT>(p_.n)) {
    packed_ = static_cast<float*>(mkl_malloc(cblas_sgemm_pack_get_size(CblasAMatrix, m_, n_, k_), 64));
    if (!packed_) throw std::bad_alloc();
    cblas_sgemm_pack(CblasRowMajor, CblasAMatrix, CblasNoTrans, m_, n_, k_, 1.0f, p_.dense_w, k_, packed_);
  }
  ~PackedGemm() override { mkl_free(packed_); }
  void run() override {
    cblas_sgemm_compute(CblasRowMajor, CblasPacked, CblasNoTrans, m_, n_, k_, packed_, k_, p_.x, n_, 0.0f, p_.y, n_);
  }
  void finish() override {}

 private:
  SparsmithPeerProblem p_;
  MKL_INT m_, k_, n_;
  float* packed_ = nullptr;
};

std::unique_ptr<Variant> make(const SparsmithPeerProblem& problem) {
  use_mkl_threads(problem.threads);
  std::vector<std::unique_ptr<Variant>> variants;
  variants.push_back(std::make_unique<Gemm>(problem));
  if (problem.n > 1) variants.push_back(std::make_unique<PackedGemm>(problem));
  return fastest(std::move(variants));
}

}  // namespace

extern "C" SPARSMITH_PEER_EXPORT const SparsmithPeer sparsmith_peer =
    table<make>("mkl", "cblas_sgemm, row-major, W packed where that is faster", SPARSMITH_PEER_DENSE, mkl_version);

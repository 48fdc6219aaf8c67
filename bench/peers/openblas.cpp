// OpenBLAS sgemm (sgemv at N = 1), row-major.
#include <cblas.h>

#include "bench/peers/module.h"

namespace {

using namespace sparsmith::peers;

class Gemm : public Variant {
 public:
  explicit Gemm(const SparsmithPeerProblem& problem) : p_(problem) { openblas_set_num_threads(problem.threads); }
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

std::unique_ptr<Variant> make(const SparsmithPeerProblem& problem) { return std::make_unique<Gemm>(problem); }
const char* version() {
  static const std::string text = std::string(openblas_get_config()) + " " + openblas_get_corename();
  return text.c_str();
}

}  // namespace

extern "C" SPARSMITH_PEER_EXPORT const SparsmithPeer sparsmith_peer =
    table<make>("openblas", "cblas_sgemm, row-major", SPARSMITH_PEER_DENSE, version);

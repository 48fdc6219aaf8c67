// XNNPACK's sparse 1x1 convolution on NCHW. Its runtime refuses sparse inference on CPUs with AVX (the one x86 kernel
// is 4-wide SSE), so the operator is called directly.
#include <limits>

#include "bench/peers/module.h"
#include "bench/peers/xnnpack_support.h"

namespace {

using namespace sparsmith::peers;

class SparseConvolution : public Variant {
 public:
  explicit SparseConvolution(const SparsmithPeerProblem& p)
      : p_(p), pool_(make_pool(p.threads)), x_(p.k * p.n), y_(p.m * p.n) {
    check_xnn(xnn_initialize(nullptr), "xnn_initialize");
    std::copy_n(p.x, p.k * p.n, x_.data());
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    const auto k = static_cast<size_t>(p.k), m = static_cast<size_t>(p.m);
    xnn_operator_t op = nullptr;
    check_xnn(xnn_create_convolution2d_nchw_f32(0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, k, m, k, m, p.dense_w, nullptr,
                                                -kInfinity, kInfinity, 0, &op),
              "xnn_create_convolution2d_nchw_f32");
    op_.reset(op);
    check_xnn(xnn_setup_convolution2d_nchw_f32(op, 1, 1, static_cast<size_t>(p.n), x_.data(), y_.data(), pool_.get()),
              "xnn_setup_convolution2d_nchw_f32");
  }
  void run() override { xnn_run_operator(op_.get(), pool_.get()); }
  void finish() override { std::copy_n(y_.data(), p_.m * p_.n, p_.y); }

 private:
  SparsmithPeerProblem p_;
  Pool pool_;
  Floats x_, y_;
  Operator op_;
};

std::unique_ptr<Variant> make(const SparsmithPeerProblem& problem) {
  return std::make_unique<SparseConvolution>(problem);
}

}  // namespace

extern "C" SPARSMITH_PEER_EXPORT const SparsmithPeer sparsmith_peer =
    table<make>("xnnpack", "sparse 1x1 convolution, NCHW (SSE)", SPARSMITH_PEER_SPARSE, xnnpack_version);

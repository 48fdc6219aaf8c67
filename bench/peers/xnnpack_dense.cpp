// XNNPACK's dense 1x1 convolution, that is fully connected on NHWC: Y^T = X^T x W^T.
#include <limits>

#include "bench/peers/module.h"
#include "bench/peers/xnnpack_support.h"

namespace {

using namespace sparsmith::peers;

class FullyConnected : public Variant {
 public:
  explicit FullyConnected(const SparsmithPeerProblem& p)
      : p_(p), pool_(make_pool(p.threads)), x_(p.k * p.n), y_(p.m * p.n) {
    check_xnn(xnn_initialize(nullptr), "xnn_initialize");
    transpose(p.x, p.k, p.n, x_.data());
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    const auto k = static_cast<size_t>(p.k), m = static_cast<size_t>(p.m);
    xnn_operator_t op = nullptr;
    check_xnn(xnn_create_fully_connected_nc_f32(k, m, k, m, p.dense_w, nullptr, -kInfinity, kInfinity, 0, &op),
              "xnn_create_fully_connected_nc_f32");
    op_.reset(op);
    check_xnn(xnn_setup_fully_connected_nc_f32(op, static_cast<size_t>(p.n), x_.data(), y_.data(), pool_.get()),
              "xnn_setup_fully_connected_nc_f32");
  }
  void run() override { xnn_run_operator(op_.get(), pool_.get()); }
  void finish() override { transpose(y_.data(), p_.n, p_.m, p_.y); }

 private:
  SparsmithPeerProblem p_;
  Pool pool_;
  Floats x_, y_;
  Operator op_;
};

std::unique_ptr<Variant> make(const SparsmithPeerProblem& problem) { return std::make_unique<FullyConnected>(problem); }

}  // namespace

extern "C" SPARSMITH_PEER_EXPORT const SparsmithPeer sparsmith_peer =
    table<make>("xnnpack_dense", "fully connected, NHWC", SPARSMITH_PEER_DENSE, xnnpack_version);

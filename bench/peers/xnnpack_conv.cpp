// XNNPACK's dense convolution on NHWC; depthwise and grouped ones have kernels of their own there.
#include <limits>

#include "bench/peers/module.h"
#include "bench/peers/xnnpack_support.h"

namespace {

using namespace sparsmith::peers;

class Convolution : public Variant {
 public:
  explicit Convolution(const SparsmithPeerProblem& p)
      : p_(p),
        c_(*p.conv),
        pool_(make_pool(p.threads)),
        x_(c_.batch * c_.channels * c_.height * c_.width),
        y_(p.m * p.n),
        w_(p.m * p.k) {
    check_xnn(xnn_initialize(nullptr), "xnn_initialize");
    for (int64_t b = 0; b < c_.batch; ++b) {
      const int64_t image = c_.channels * c_.height * c_.width;
      transpose(p.x + b * image, c_.channels, c_.height * c_.width, x_.data() + b * image);
    }
    // OIHW to OHWI.
    const int64_t taps = c_.kernel_h * c_.kernel_w;
    for (int64_t m = 0; m < p.m; ++m) transpose(p.dense_w + m * p.k, p.k / taps, taps, w_.data() + m * p.k);
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    const auto u32 = [](int64_t value) { return static_cast<uint32_t>(value); };
    const auto size = [](int64_t value) { return static_cast<size_t>(value); };
    xnn_operator_t op = nullptr;
    check_xnn(xnn_create_convolution2d_nhwc_f32(
                  u32(c_.pad_top), u32(c_.pad_right), u32(c_.pad_bottom), u32(c_.pad_left), u32(c_.kernel_h),
                  u32(c_.kernel_w), u32(c_.stride_h), u32(c_.stride_w), u32(c_.dilation_h), u32(c_.dilation_w),
                  u32(c_.groups), size(c_.channels / c_.groups), size(p.m / c_.groups), size(c_.channels), size(p.m),
                  w_.data(), nullptr, -kInfinity, kInfinity, 0, &op),
              "xnn_create_convolution2d_nhwc_f32");
    op_.reset(op);
    check_xnn(xnn_setup_convolution2d_nhwc_f32(op, size(c_.batch), size(c_.height), size(c_.width), x_.data(),
                                               y_.data(), pool_.get()),
              "xnn_setup_convolution2d_nhwc_f32");
  }
  void run() override { xnn_run_operator(op_.get(), pool_.get()); }
  void finish() override {
    const int64_t plane = c_.out_height * c_.out_width;
    for (int64_t b = 0; b < c_.batch; ++b)
      transpose(y_.data() + b * plane * p_.m, plane, p_.m, p_.y + b * plane * p_.m);
  }

 private:
  SparsmithPeerProblem p_;
  SparsmithPeerConv c_;
  Pool pool_;
  Floats x_, y_, w_;
  Operator op_;
};

std::unique_ptr<Variant> make(const SparsmithPeerProblem& problem) { return std::make_unique<Convolution>(problem); }

}  // namespace

extern "C" SPARSMITH_PEER_EXPORT const SparsmithPeer sparsmith_peer =
    table<make>("xnnpack_conv", "convolution, NHWC", SPARSMITH_PEER_DENSE, xnnpack_version, SPARSMITH_PEER_CONVOLUTION);

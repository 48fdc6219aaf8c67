/// \file
/// oneDNN dense convolution, the same for its versions 2 and 3, weights and activations in the layout that oneDNN asks
/// for.
#pragma once

#include <oneapi/dnnl/dnnl.hpp>
#include <string>
#include <unordered_map>

#include "bench/peers/module.h"

namespace sparsmith::peers {

class OnednnConvolution : public Variant {
 public:
  using Tag = dnnl::memory::format_tag;
  /// `data`: the layout of X and Y; `any` leaves it to oneDNN.
  OnednnConvolution(const SparsmithPeerProblem& p, dnnl::algorithm algorithm, Tag data)
      : engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {
    const SparsmithPeerConv& c = *p.conv;
    const Dims x{c.batch, c.channels, c.height, c.width}, y{c.batch, p.m, c.out_height, c.out_width};
    const bool grouped = c.groups > 1;
    const Dims w = grouped ? Dims{c.groups, p.m / c.groups, c.channels / c.groups, c.kernel_h, c.kernel_w}
                           : Dims{p.m, c.channels, c.kernel_h, c.kernel_w};
    const Dims strides{c.stride_h, c.stride_w}, dilation{c.dilation_h - 1, c.dilation_w - 1};
    const Dims before{c.pad_top, c.pad_left}, after{c.pad_bottom, c.pad_right};
    constexpr auto kKind = dnnl::prop_kind::forward_inference;
#if DNNL_VERSION_MAJOR >= 3
    const dnnl::convolution_forward::primitive_desc how(engine_, kKind, algorithm, describe(x, data),
                                                        describe(w, Tag::any), describe(y, data), strides, dilation,
                                                        before, after);
#else
    const dnnl::convolution_forward::desc what(kKind, algorithm, describe(x, data), describe(w, Tag::any),
                                               describe(y, data), strides, dilation, before, after);
    const dnnl::convolution_forward::primitive_desc how(what, engine_);
#endif
    source_ = allocate(how.src_desc());
    weights_ = allocate(how.weights_desc());
    target_ = allocate(how.dst_desc());
    result_ = dnnl::memory(describe(y, Tag::nchw), engine_, p.y);
    convert(dnnl::memory(describe(x, Tag::nchw), engine_, const_cast<float*>(p.x)), source_);
    convert(dnnl::memory(describe(w, grouped ? Tag::goihw : Tag::oihw), engine_, const_cast<float*>(p.dense_w)),
            weights_);
    primitive_ = dnnl::convolution_forward(how);
    arguments_ = {{DNNL_ARG_SRC, source_}, {DNNL_ARG_WEIGHTS, weights_}, {DNNL_ARG_DST, target_}};
  }
  void run() override {
    primitive_.execute(stream_, arguments_);
    stream_.wait();
  }
  void finish() override { convert(target_, result_); }

 private:
  using Dims = dnnl::memory::dims;
  static dnnl::memory::desc describe(const Dims& dims, Tag tag) { return {dims, dnnl::memory::data_type::f32, tag}; }
  dnnl::memory allocate(const dnnl::memory::desc& desc) {
    buffers_.emplace_back(static_cast<int64_t>(desc.get_size() / sizeof(float)));
    return {desc, engine_, buffers_.back().data()};
  }
  void convert(dnnl::memory from, dnnl::memory& to) {
    dnnl::reorder(from, to).execute(stream_, from, to);
    stream_.wait();
  }

  std::vector<Floats> buffers_;
  dnnl::engine engine_;
  dnnl::stream stream_;
  dnnl::primitive primitive_;
  dnnl::memory source_, weights_, target_, result_;
  std::unordered_map<int, dnnl::memory> arguments_;
};

/// The fastest layout for an algorithm: oneDNN's own choice by `any` is a fixed preference, not a measurement.
inline std::unique_ptr<Variant> fastest_onednn(const SparsmithPeerProblem& problem, dnnl::algorithm algorithm) {
  std::vector<std::unique_ptr<Variant>> variants;
  std::string reason;
  using Tag = dnnl::memory::format_tag;
  for (const Tag data : {Tag::any, Tag::nChw16c, Tag::nhwc}) {
    try {
      variants.push_back(std::make_unique<OnednnConvolution>(problem, algorithm, data));
    } catch (const dnnl::error& error) {
      if (reason.empty()) reason = std::string("oneDNN has no such kernel for it: ") + error.what();
    }
  }
  if (variants.empty()) throw std::runtime_error(reason);
  return fastest(std::move(variants));
}

inline const char* onednn_version() {
  static const std::string text = [] {
    const dnnl_version_t* v = dnnl_version();
    return "oneDNN " + std::to_string(v->major) + "." + std::to_string(v->minor) + "." + std::to_string(v->patch);
  }();
  return text.c_str();
}

}  // namespace sparsmith::peers

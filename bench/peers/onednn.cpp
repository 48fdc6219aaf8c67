// oneDNN (2.x) dense, fp32, every operand in the layout that oneDNN asks for: as W x X, as X^T x W^T (an inner product
// as a framework would write it) and as a 1x1 convolution; the fastest of the three.
#include <omp.h>

#include <oneapi/dnnl/dnnl.hpp>

#include "bench/peers/module.h"

namespace {

using namespace sparsmith::peers;
using Tag = dnnl::memory::format_tag;
using Dims = dnnl::memory::dims;

enum class Form { product, transposed, convolution };

dnnl::memory::desc describe(const Dims& dims, Tag tag) { return {dims, dnnl::memory::data_type::f32, tag}; }

class Dense : public Variant {
 public:
  Dense(const SparsmithPeerProblem& p, Form form) : engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {
    switch (form) {
      case Form::product:
        make_matmul({p.m, p.k}, {p.k, p.n}, {p.m, p.n});
        break;
      case Form::transposed:
        make_matmul({p.n, p.k}, {p.k, p.m}, {p.n, p.m});
        break;
      case Form::convolution:
        make_convolution(p);
        break;
    }
    const auto w_row_major = describe({p.m, p.k}, Tag::ab), x_row_major = describe({p.k, p.n}, Tag::ab);
    float* const w = const_cast<float*>(p.dense_w);
    float* const x = const_cast<float*>(p.x);
    if (form == Form::product) {
      bring(w_row_major, w, source_);
      bring(x_row_major, x, weights_);
      result_ = dnnl::memory(describe({p.m, p.n}, Tag::ab), engine_, p.y);
    } else if (form == Form::transposed) {
      bring(describe({p.n, p.k}, Tag::ba), x, source_);
      bring(describe({p.k, p.m}, Tag::ba), w, weights_);
      result_ = dnnl::memory(describe({p.n, p.m}, Tag::ba), engine_, p.y);
    } else {
      bring(describe({1, p.k, 1, p.n}, Tag::abcd), x, source_);
      bring(describe({p.m, p.k, 1, 1}, Tag::abcd), w, weights_);
      result_ = dnnl::memory(describe({1, p.m, 1, p.n}, Tag::abcd), engine_, p.y);
    }
    arguments_ = {{DNNL_ARG_SRC, source_}, {DNNL_ARG_WEIGHTS, weights_}, {DNNL_ARG_DST, target_}};
  }
  void run() override {
    primitive_.execute(stream_, arguments_);
    stream_.wait();
  }
  void finish() override {
    dnnl::reorder(target_, result_).execute(stream_, target_, result_);
    stream_.wait();
  }

 private:
  void make_matmul(const Dims& source, const Dims& weights, const Dims& target) {
    const dnnl::matmul::desc what(describe(source, Tag::any), describe(weights, Tag::any), describe(target, Tag::any));
    const dnnl::matmul::primitive_desc how(what, engine_);
    allocate(how.src_desc(), how.weights_desc(), how.dst_desc());
    primitive_ = dnnl::matmul(how);
  }
  void make_convolution(const SparsmithPeerProblem& p) {
    const dnnl::convolution_forward::desc what(
        dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, describe({1, p.k, 1, p.n}, Tag::any),
        describe({p.m, p.k, 1, 1}, Tag::any), describe({1, p.m, 1, p.n}, Tag::any), {1, 1}, {0, 0}, {0, 0});
    const dnnl::convolution_forward::primitive_desc how(what, engine_);
    allocate(how.src_desc(), how.weights_desc(), how.dst_desc());
    primitive_ = dnnl::convolution_forward(how);
  }
  void allocate(const dnnl::memory::desc& source, const dnnl::memory::desc& weights, const dnnl::memory::desc& target) {
    source_ = dnnl::memory(source, engine_);
    weights_ = dnnl::memory(weights, engine_);
    target_ = dnnl::memory(target, engine_);
  }
  void bring(const dnnl::memory::desc& from, float* data, dnnl::memory& to) {
    dnnl::memory source(from, engine_, data);
    dnnl::reorder(source, to).execute(stream_, source, to);
    stream_.wait();
  }

  dnnl::engine engine_;
  dnnl::stream stream_;
  dnnl::primitive primitive_;
  dnnl::memory source_, weights_, target_, result_;
  std::unordered_map<int, dnnl::memory> arguments_;
};

std::unique_ptr<Variant> make(const SparsmithPeerProblem& problem) {
  omp_set_num_threads(problem.threads);
  std::vector<std::unique_ptr<Variant>> variants;
  for (const Form form : {Form::product, Form::transposed, Form::convolution}) {
    variants.push_back(std::make_unique<Dense>(problem, form));
  }
  return fastest(std::move(variants));
}

const char* version() {
  static const std::string text = [] {
    const dnnl_version_t* v = dnnl_version();
    return "oneDNN " + std::to_string(v->major) + "." + std::to_string(v->minor) + "." + std::to_string(v->patch);
  }();
  return text.c_str();
}

}  // namespace

extern "C" SPARSMITH_PEER_EXPORT const SparsmithPeer sparsmith_peer =
    table<make>("onednn", "matmul or 1x1 convolution, blocked layouts", SPARSMITH_PEER_DENSE, version);

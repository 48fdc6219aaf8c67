// oneDNN 3's matmul with a CSR source (W) and dense row-major X.
#include <oneapi/dnnl/dnnl.hpp>

#include "bench/peers/module.h"
#include "bench/peers/onednn_sycl.h"

namespace {

using namespace sparsmith::peers;
using Desc = dnnl::memory::desc;
using Type = dnnl::memory::data_type;
using Tag = dnnl::memory::format_tag;

class CsrMatmul : public Variant {
 public:
  explicit CsrMatmul(const SparsmithPeerProblem& p)
      : engine_(dnnl::engine::kind::cpu, 0),
        stream_(engine_),
        offsets_(p.row_offsets, p.row_offsets + p.m + 1),
        columns_(p.columns, p.columns + p.nnz),
        values_(p.values, p.values + p.nnz) {
    const Desc w = Desc::csr({p.m, p.k}, Type::f32, p.nnz, Type::s32, Type::s32);
    const Desc x({p.k, p.n}, Type::f32, Tag::ab), y({p.m, p.n}, Type::f32, Tag::ab);
    const dnnl::matmul::primitive_desc how(engine_, w, x, y);
    primitive_ = dnnl::matmul(how);
    arguments_ = {{DNNL_ARG_SRC, dnnl::memory(w, engine_, {values_.data(), columns_.data(), offsets_.data()})},
                  {DNNL_ARG_WEIGHTS, dnnl::memory(x, engine_, const_cast<float*>(p.x))},
                  {DNNL_ARG_DST, dnnl::memory(y, engine_, p.y)}};
  }
  void run() override {
    primitive_.execute(stream_, arguments_);
    stream_.wait();
  }
  void finish() override {}

 private:
  dnnl::engine engine_;
  dnnl::stream stream_;
  std::vector<int32_t> offsets_, columns_;
  std::vector<float> values_;
  dnnl::primitive primitive_;
  std::unordered_map<int, dnnl::memory> arguments_;
};

std::unique_ptr<Variant> make(const SparsmithPeerProblem& problem) {
  if (problem.nnz == 0) throw std::runtime_error("oneDNN refuses a matrix without nonzeros");
  set_up_sycl(problem.threads);
  return std::make_unique<CsrMatmul>(problem);
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
    table<make>("onednn_csr", "matmul with a CSR source, row-major X", SPARSMITH_PEER_SPARSE, version);

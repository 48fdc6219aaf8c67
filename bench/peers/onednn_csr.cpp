// oneDNN 3's matmul with a CSR source (W) and dense row-major X. The pip wheel runs its CPU engine on SYCL, which looks
// for an OpenCL driver and starts threads: both are set up before the first call.
#include <dlfcn.h>
#include <unistd.h>

#include <filesystem>
#include <oneapi/dnnl/dnnl.hpp>

#include "bench/peers/module.h"

namespace {

using namespace sparsmith::peers;
using Desc = dnnl::memory::desc;
using Type = dnnl::memory::data_type;
using Tag = dnnl::memory::format_tag;

/// Points SYCL to the OpenCL driver that lies beside libdnnl, outside the system's paths, and limits its threads.
/// Values that the user set win. The OpenCL loader is whichever is in the process first, and each has its own variable.
void set_up_sycl(int threads) {
  Dl_info info;
  if (dladdr(reinterpret_cast<const void*>(&dnnl_version), &info) && info.dli_fname) {
    const auto directory = std::filesystem::path(info.dli_fname).parent_path();
    const auto driver = directory / "libintelocl.so", loader = directory / "libOpenCL.so.1";
    std::error_code error;
    if (std::filesystem::exists(driver, error)) {
      setenv("OCL_ICD_FILENAMES", driver.c_str(), 0);  // Intel's and Khronos's loader
      setenv("OCL_ICD_VENDORS", driver.c_str(), 0);    // ocl-icd, Debian's
    }
    // SYCL opens the loader by its bare name and so finds one that is open already. Never closed, as SYCL keeps it.
    static void* const opened = dlopen(loader.c_str(), RTLD_NOW | RTLD_LOCAL);
    static_cast<void>(opened);
  }
  setenv("DPCPP_CPU_NUM_CUS", std::to_string(threads).c_str(), 0);
  setenv("SYCL_QUEUE_THREAD_POOL_SIZE", "1", 0);
  setenv("ONEDNN_VERBOSE", "0", 0);  // it prints why it fails where a program reports the reason itself
}

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

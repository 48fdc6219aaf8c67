// oneDNN 3's direct convolution.
#include "bench/peers/onednn_convolution.h"
#include "bench/peers/onednn_sycl.h"

namespace {

using namespace sparsmith::peers;

std::unique_ptr<Variant> make(const SparsmithPeerProblem& problem) {
  set_up_sycl(problem.threads);
  return fastest_onednn(problem, dnnl::algorithm::convolution_direct);
}

}  // namespace

extern "C" SPARSMITH_PEER_EXPORT const SparsmithPeer sparsmith_peer =
    table<make>("onednn3_conv", "direct convolution, the fastest of its layouts", SPARSMITH_PEER_DENSE, onednn_version,
                SPARSMITH_PEER_CONVOLUTION);

// oneDNN's Winograd convolution.
#include <omp.h>

#include "bench/peers/onednn_convolution.h"

namespace {

using namespace sparsmith::peers;

std::unique_ptr<Variant> make(const SparsmithPeerProblem& problem) {
  omp_set_num_threads(problem.threads);
  return fastest_onednn(problem, dnnl::algorithm::convolution_winograd);
}

}  // namespace

extern "C" SPARSMITH_PEER_EXPORT const SparsmithPeer sparsmith_peer =
    table<make>("onednn_winograd", "Winograd convolution, the fastest of its layouts", SPARSMITH_PEER_DENSE,
                onednn_version, SPARSMITH_PEER_CONVOLUTION);

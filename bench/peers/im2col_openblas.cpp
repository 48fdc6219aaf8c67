// A convolution by im2col and OpenBLAS's dense product.
#include "bench/peers/im2col.h"
#include "bench/peers/openblas.h"

namespace {

using namespace sparsmith::peers;

std::unique_ptr<Variant> make(const SparsmithPeerProblem& problem) {
  return std::make_unique<Im2col<OpenblasGemm>>(problem);
}

}  // namespace

extern "C" SPARSMITH_PEER_EXPORT const SparsmithPeer sparsmith_peer =
    table<make>("im2col_openblas", "im2col (timed), then cblas_sgemm", SPARSMITH_PEER_DENSE, openblas_version,
                SPARSMITH_PEER_CONVOLUTION);

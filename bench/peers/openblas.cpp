// OpenBLAS's dense product.
#include "bench/peers/openblas.h"

namespace {

using namespace sparsmith::peers;

std::unique_ptr<Variant> make(const SparsmithPeerProblem& problem) { return std::make_unique<OpenblasGemm>(problem); }

}  // namespace

extern "C" SPARSMITH_PEER_EXPORT const SparsmithPeer sparsmith_peer =
    table<make>("openblas", "cblas_sgemm, row-major", SPARSMITH_PEER_DENSE, openblas_version);

// A convolution by im2col, straight into the blocks that LIBXSMM's sparse products read.
#include "bench/peers/libxsmm_sparse.h"

namespace {

using namespace sparsmith::peers;

std::unique_ptr<Variant> make(const SparsmithPeerProblem& problem) { return fastest_libxsmm<Im2col>(problem); }

}  // namespace

extern "C" SPARSMITH_PEER_EXPORT const SparsmithPeer sparsmith_peer =
    table<make>("im2col_libxsmm", "im2col (timed), then packed CSR SpMM or fsspmdm", SPARSMITH_PEER_SPARSE,
                libxsmm_version, SPARSMITH_PEER_CONVOLUTION);

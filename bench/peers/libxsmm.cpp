// LIBXSMM's sparse products.
#include "bench/peers/libxsmm_sparse.h"

namespace {

using namespace sparsmith::peers;

template <class Product>
using Alone = Product;
std::unique_ptr<Variant> make(const SparsmithPeerProblem& problem) { return fastest_libxsmm<Alone>(problem); }

}  // namespace

extern "C" SPARSMITH_PEER_EXPORT const SparsmithPeer sparsmith_peer =
    table<make>("libxsmm", "packed CSR SpMM or fsspmdm, rows split", SPARSMITH_PEER_SPARSE, libxsmm_version);

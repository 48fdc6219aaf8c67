// A convolution by im2col and MKL's CSR product. Row-major only: patches are written a row at a time.
#include "bench/peers/im2col.h"
#include "bench/peers/mkl_csr.h"

namespace {

using namespace sparsmith::peers;

std::unique_ptr<Variant> make(const SparsmithPeerProblem& problem) {
  if (problem.nnz == 0) throw std::runtime_error("MKL refuses a matrix without nonzeros");
  use_mkl_threads(problem.threads);
  return std::make_unique<Im2col<Spmm>>(problem, SPARSE_LAYOUT_ROW_MAJOR);
}

}  // namespace

extern "C" SPARSMITH_PEER_EXPORT const SparsmithPeer sparsmith_peer =
    table<make>("im2col_mkl_csr", "im2col (timed), then mkl_sparse_s_mm", SPARSMITH_PEER_SPARSE, mkl_version,
                SPARSMITH_PEER_CONVOLUTION);

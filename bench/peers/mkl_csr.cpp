// MKL's inspector-executor sparse BLAS: CSR times dense (mm) in the faster of row- and column-major, mv at N = 1.
#include "bench/peers/mkl_csr.h"

namespace {

using namespace sparsmith::peers;

std::unique_ptr<Variant> make(const SparsmithPeerProblem& problem) {
  if (problem.nnz == 0) throw std::runtime_error("MKL refuses a matrix without nonzeros");
  use_mkl_threads(problem.threads);
  std::vector<std::unique_ptr<Variant>> variants;
  variants.push_back(std::make_unique<Spmm>(problem, SPARSE_LAYOUT_ROW_MAJOR));
  if (problem.n > 1) variants.push_back(std::make_unique<Spmm>(problem, SPARSE_LAYOUT_COLUMN_MAJOR));
  return fastest(std::move(variants));
}

}  // namespace

extern "C" SPARSMITH_PEER_EXPORT const SparsmithPeer sparsmith_peer =
    table<make>("mkl_csr", "mkl_sparse_s_mm, optimized CSR (mv at N = 1)", SPARSMITH_PEER_SPARSE, mkl_version);

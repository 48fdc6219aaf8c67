// Eigen's SparseMatrix (row-major, that is CSR) times dense, in the faster of row- and column-major; times a vector at
// N = 1.
#include <Eigen/SparseCore>

#include "bench/peers/eigen_support.h"
#include "bench/peers/module.h"

namespace {

using namespace sparsmith::peers;
using Sparse = Eigen::SparseMatrix<float, Eigen::RowMajor, int>;

Sparse to_sparse(const SparsmithPeerProblem& p) {
  const std::vector<int> offsets(p.row_offsets, p.row_offsets + p.m + 1);
  return Eigen::Map<const Sparse>(p.m, p.k, p.nnz, offsets.data(), p.columns, p.values);
}

class RowMajorProduct : public Variant {
 public:
  explicit RowMajorProduct(const SparsmithPeerProblem& p) : w_(to_sparse(p)), x_(p.x, p.k, p.n), y_(p.y, p.m, p.n) {}
  void run() override { y_.noalias() = w_ * x_; }
  void finish() override {}

 private:
  Sparse w_;
  Eigen::Map<const RowMajor> x_;
  Eigen::Map<RowMajor> y_;
};

class ColMajorProduct : public Variant {
 public:
  explicit ColMajorProduct(const SparsmithPeerProblem& p)
      : w_(to_sparse(p)), x_(Eigen::Map<const RowMajor>(p.x, p.k, p.n)), y_(p.m, p.n), result_(p.y, p.m, p.n) {}
  void run() override { y_.noalias() = w_ * x_; }
  void finish() override { result_ = y_; }

 private:
  Sparse w_;
  ColMajor x_, y_;
  Eigen::Map<RowMajor> result_;
};

class VectorProduct : public Variant {
 public:
  explicit VectorProduct(const SparsmithPeerProblem& p) : w_(to_sparse(p)), x_(p.x, p.k), y_(p.y, p.m) {}
  void run() override { y_.noalias() = w_ * x_; }
  void finish() override {}

 private:
  Sparse w_;
  Eigen::Map<const Vector> x_;
  Eigen::Map<Vector> y_;
};

std::unique_ptr<Variant> make(const SparsmithPeerProblem& problem) {
  check_eigen_cpu();
  Eigen::setNbThreads(problem.threads);
  if (problem.n == 1) return std::make_unique<VectorProduct>(problem);
  std::vector<std::unique_ptr<Variant>> variants;
  variants.push_back(std::make_unique<RowMajorProduct>(problem));
  variants.push_back(std::make_unique<ColMajorProduct>(problem));
  return fastest(std::move(variants));
}

}  // namespace

extern "C" SPARSMITH_PEER_EXPORT const SparsmithPeer sparsmith_peer =
    table<make>("eigen_sparse", "SparseMatrix<RowMajor> * Matrix", SPARSMITH_PEER_SPARSE, eigen_version);

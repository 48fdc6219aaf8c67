// Eigen's dense product; matrix times vector at N = 1.
#include <Eigen/Dense>

#include "bench/peers/eigen_support.h"
#include "bench/peers/module.h"

namespace {

using namespace sparsmith::peers;

class Product : public Variant {
 public:
  explicit Product(const SparsmithPeerProblem& p)
      : w_(p.dense_w, p.m, p.k),
        x_(p.x, p.k, p.n),
        y_(p.y, p.m, p.n),
        xv_(p.x, p.k),
        yv_(p.y, p.m),
        vector_(p.n == 1) {}
  void run() override {
    if (vector_) {
      yv_.noalias() = w_ * xv_;
    } else {
      y_.noalias() = w_ * x_;
    }
  }
  void finish() override {}

 private:
  Eigen::Map<const RowMajor> w_, x_;
  Eigen::Map<RowMajor> y_;
  Eigen::Map<const Vector> xv_;
  Eigen::Map<Vector> yv_;
  bool vector_;
};

std::unique_ptr<Variant> make(const SparsmithPeerProblem& problem) {
  check_eigen_cpu();
  Eigen::setNbThreads(problem.threads);
  return std::make_unique<Product>(problem);
}

}  // namespace

extern "C" SPARSMITH_PEER_EXPORT const SparsmithPeer sparsmith_peer =
    table<make>("eigen_dense", "Matrix * Matrix, row-major", SPARSMITH_PEER_DENSE, eigen_version);

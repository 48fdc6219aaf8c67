/// \file
/// The data of one benchmark case: X and places for Y in each layout, and the weights as peers take them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "bench/peers/peer.h"
#include "sparsmith/sparsmith.h"

namespace sparsmith::cli {

/// What a case computes with its weights: a product with n columns, or a convolution of `batch` images.
struct BenchProblem {
  int64_t n = 0;  ///< of a convolution: batch * output positions
  std::optional<Conv2d> conv;
  int64_t batch = 1;
};

/// Cache-line-aligned floats, zeroed.
class AlignedFloats {
 public:
  explicit AlignedFloats(int64_t count);
  void fill(float value);
  float* data() const { return data_.get(); }
  int64_t size() const { return count_; }

 private:
  struct Free {
    void operator()(float* p) const;
  };
  std::unique_ptr<float, Free> data_;
  int64_t count_;
};

/// X is seeded noise. Sizes are checked by whoever made the problem.
class BenchOperands {
 public:
  /// `layouts`: those beside plain.
  BenchOperands(const Weights& weights, const BenchProblem& problem, const std::vector<Layout>& layouts);

  Problem problem(Layout layout) const;
  RunArgs args(Layout layout, int threads) const;
  /// So that an element that a run leaves alone can't pass.
  void poison_results();
  /// The conversions that a caller with plain data pays around a kernel of another layout: X in, Y out.
  void convert(Layout layout) const;
  /// Floats of X that any kernel must read, and of Y that it must write.
  int64_t x_floats() const { return x_floats_; }
  int64_t y_floats() const { return m_ * shape_.n; }
  /// The same as they lie in a layout, padding and what strips hold twice included.
  int64_t x_floats(Layout layout) const { return layout == Layout::plain ? x_floats_ : packed(layout).x.size(); }
  int64_t y_floats(Layout layout) const { return layout == Layout::plain ? y_floats() : packed(layout).y.size(); }
  /// The problem without its weights and thread count; pointers are into this object.
  SparsmithPeerProblem peer_problem() const;

 private:
  int64_t m_, k_;
  BenchProblem shape_;
  int64_t channels_;
  int64_t x_floats_;
  struct Packed {
    Layout layout;
    AlignedFloats x, y;
  };
  const Packed& packed(Layout layout) const;

  AlignedFloats x_, y_;
  std::vector<Packed> packed_;
  SparsmithPeerConv peer_conv_{};
};

/// Weights as peers take them: of a convolution the columns in OIHW order.
struct PeerWeights {
  std::vector<int64_t> row_offsets;
  std::vector<int32_t> columns;
  std::vector<float> values;
  std::vector<float> dense;

  PeerWeights(const Weights& weights, const BenchProblem& problem);
  void add_to(SparsmithPeerProblem& problem) const;
};

}  // namespace sparsmith::cli

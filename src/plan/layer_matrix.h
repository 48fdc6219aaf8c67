/// \file
/// A layer's weights as the matrix that tiles are made of: W itself, or for a spatial convolution W with a column for
/// every tap and channel of all groups, so that planning and code generation see nothing but a sparse matrix whose rows
/// of X lie at given lines.
#pragma once

#include <cstdint>
#include <vector>

#include "sparsmith/pattern.h"
#include "sparsmith/problem.h"
#include "sparsmith/result.h"

namespace sparsmith {

class LayerMatrix {
 public:
  /// `k_block`: the schedule's; the channels of a spatial convolution come in blocks of k_block / taps, and within them
  /// the taps, so that a k-block reads a few channels at all taps. bad_input when it isn't a multiple of the taps.
  static Result<LayerMatrix> create(const Pattern& weights, const Problem& problem, int64_t k_block);

  const Pattern& pattern() const { return pattern_; }
  /// Where column k of the pattern lies in X: 64-byte lines from a panel's first.
  int64_t line(int64_t column) const { return lines_.empty() ? column : lines_[static_cast<size_t>(column)]; }
  /// The index in W's CSR of nonzero i of the pattern.
  uint32_t source(int64_t i) const {
    return sources_.empty() ? static_cast<uint32_t>(i) : sources_[static_cast<size_t>(i)];
  }

 private:
  explicit LayerMatrix(Pattern pattern) : pattern_(std::move(pattern)) {}
  Pattern pattern_;
  std::vector<int32_t> lines_;     ///< empty: column k at line k
  std::vector<uint32_t> sources_;  ///< empty: the same order
};

}  // namespace sparsmith

/// \file
/// A layer's weights as the matrix that tiles are made of: W itself, or for a spatial convolution W with a column for
/// every tap and channel of all groups, so that planning and code generation see nothing but a sparse matrix whose rows
/// of X lie at given lines.
#pragma once

#include <cstdint>
#include <vector>

#include "sparsmith/pattern.h"
#include "sparsmith/plan.h"
#include "sparsmith/problem.h"
#include "sparsmith/result.h"

namespace sparsmith {

/// Taps of a spatial convolution that a k-block reads its channels at: all, or, of the compact form, one row of them,
/// which lets many channels of many positions lie in L1 together. Otherwise 1.
int64_t taps_of_block(const Problem& problem, Form form);

/// bad_input when a spatial convolution of weights of so many columns has no such k-block.
Status check_k_block(const Schedule& schedule, const Problem& problem, int64_t weight_columns);

class LayerMatrix {
 public:
  /// The channels of a spatial convolution come in blocks of k_block / taps_of_block(), and within them the taps, so
  /// that a k-block reads a few channels at its taps. bad_input: check_k_block.
  static Result<LayerMatrix> create(const Pattern& weights, const Problem& problem, const Schedule& schedule = {});

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

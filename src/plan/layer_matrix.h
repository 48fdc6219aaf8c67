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

/// How code addresses activations.
struct Addressing {
  int64_t x_unit_bytes = 64;  ///< what LayerMatrix::line counts: lines, or floats
  int64_t x_channel = 1;      ///< units from a channel to the next
  int64_t x_panel = 0;        ///< units from panel to panel where it is a constant; 0: EntryArgs has it
  int64_t y_row_bytes = 64;   ///< from a row of Y and the residual to the next
  int64_t y_panel_bytes = 0;  ///< from panel to panel of them; 0: EntryArgs has it
};

class LayerMatrix {
 public:
  /// In strips the channels of a spatial convolution come in blocks of k_block / taps_of_block(), and within them the
  /// taps, so that a k-block reads a few channels at its taps; in planes and rows the taps of a channel come one after
  /// the other, since they share lines. bad_input: check_k_block.
  static Result<LayerMatrix> create(const Pattern& weights, const Problem& problem, const Schedule& schedule = {});

  const Pattern& pattern() const { return pattern_; }
  /// Where column k of the pattern lies in X: units (addressing()) from a panel's first; 64-byte lines but in planes
  /// and rows.
  int64_t line(int64_t column) const { return lines_.empty() ? column : lines_[static_cast<size_t>(column)]; }
  const Addressing& addressing() const { return addressing_; }
  /// So many columns follow each other before the same taps of the next channel do, x_channel units on; 1: every column
  /// is the next channel's.
  int64_t columns_per_channel() const { return columns_per_channel_; }
  /// The index in W's CSR of nonzero i of the pattern.
  uint32_t source(int64_t i) const {
    return sources_.empty() ? static_cast<uint32_t>(i) : sources_[static_cast<size_t>(i)];
  }

 private:
  explicit LayerMatrix(Pattern pattern) : pattern_(std::move(pattern)) {}
  Pattern pattern_;
  Addressing addressing_;
  int64_t columns_per_channel_ = 1;
  std::vector<int32_t> lines_;     ///< empty: column k at line k
  std::vector<uint32_t> sources_;  ///< empty: the same order
};

}  // namespace sparsmith

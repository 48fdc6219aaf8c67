/// \file
/// Rows with few nonzeros of their own channel, as in depthwise convolutions: no other row shares their lines of X, but
/// neighbouring panels do, by the overlap of their taps. So a pass computes several panels, one row after the other: a
/// line of X is loaded once for all taps of all of the pass's panels that it serves, a weight once for all panels.
/// Where all rows have the same taps, as unpruned ones do, the code is a loop over them.
#pragma once

#include "kernels/spmm.h"
#include "plan/registers.h"

namespace sparsmith {

class DepthwiseWriter {
 public:
  DepthwiseWriter(const LayerMatrix& matrix, const Problem& problem, const RegisterFile& registers)
      : matrix_(matrix), problem_(problem), registers_(registers) {}

  /// As SpmmWriter::write, for `panels` panels a pass; both variants of a segment stream the same values.
  void write(const TileBlock& block, int panels, Program& program, std::vector<ValueSource>& values);

 private:
  /// A nonzero's product in panel u, by the line of X it reads.
  struct Product {
    int64_t line;
    int32_t nonzero;  ///< of the row, from 0
    int32_t panel;
  };
  /// How many of the block's first rows a loop can go through, `step` rows a round: each row has the nonzeros of the
  /// row `step` before it, one line on.
  int64_t rows_in_loop(const TileBlock& block, int64_t step) const;
  void write_row(int32_t row, int panels, size_t first_slot, Program& program, std::vector<ValueSource>& values);

  const LayerMatrix& matrix_;
  const Problem& problem_;
  RegisterFile registers_;
  std::vector<Product> products_;
};

}  // namespace sparsmith

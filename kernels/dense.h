/// \file
/// The dense product of a tile: a loop over all of K with the tile's weights, zeros among them, packed in k-major
/// order. The candidate that every sparse plan has to beat, and the better plan above some 50 % density.
#pragma once

#include "kernels/program.h"
#include "kernels/spmm.h"
#include "plan/registers.h"

namespace sparsmith {

class DenseWriter {
 public:
  DenseWriter(const LayerMatrix& matrix, const Problem& problem, const RegisterFile& registers,
              const Schedule& schedule);

  /// As SpmmWriter::write, for `panels` panels a pass; both variants of a segment stream the same values, so only the
  /// first of them is written with `values`, the other with null. Programs of the same columns, as many rows that
  /// follow each other, and a first_row that is the first of them, are equal.
  void write(const TileBlock& block, int panels, Program& program, std::vector<ValueSource>* values);

 private:
  void append_values(const TileBlock& block, std::vector<ValueSource>& values);
  /// Columns [k_begin, k_end) that lie in X as those a channel before do; `slot`: of the first of them.
  void append_run(const TileBlock& block, int panels, int64_t k_begin, int64_t k_end, int32_t slot,
                  Program& program) const;
  void append_products(const TileBlock& block, int panels, int64_t k, int32_t slot, Program& program) const;
  /// A part of the next tile's values, as far into them as `slot` is into this one's.
  void append_prefetch(const TileBlock& block, int32_t slot, Program& program) const;

  const LayerMatrix& matrix_;
  const Problem& problem_;
  RegisterFile registers_;
  bool prefetch_;
};

}  // namespace sparsmith

/// \file
/// The product of a sparse matrix as a loop over data: rows one after the other, each a loop over its nonzeros whose
/// places in X come from an index stream (compact_stream.h). A few kilobytes of code whatever the pattern, for matrices
/// whose straight-line code would be too large, is used cold, or has more loads of X than panels can make up for.
#pragma once

#include "kernels/program.h"
#include "kernels/spmm.h"
#include "plan/registers.h"

namespace sparsmith {

class CompactWriter {
 public:
  CompactWriter(const LayerMatrix& matrix, const Problem& problem, const Schedule& schedule,
                const RegisterFile& registers);

  /// The Program of every segment that begins (`first`) or ends (`last`) K, for `panels` panels a pass.
  void write(int panels, bool first, bool last, Program& program) const;

  /// Appends a block's streams: packed values, and the columns that go with them to `indices`. Blocks of a row must
  /// come in ascending order of K. False, with nothing appended, when the block adds nothing to Y.
  bool append(const TileBlock& block, std::vector<ValueSource>& values, std::vector<uint8_t>& indices);

 private:
  struct Row {
    int32_t row;         ///< within the tile
    int64_t begin, end;  ///< nonzeros in CSR
  };
  template <class Index>
  void append_rows(const TileBlock& block, std::vector<ValueSource>& values, std::vector<uint8_t>& indices);

  const LayerMatrix& matrix_;
  const Pattern& pattern_;
  const Problem& problem_;
  int64_t weight_columns_;  ///< of W, in whose terms streams are checked
  int panels_, lanes_, sets_, index_bytes_;
  std::vector<int64_t> next_;  ///< by row: its first nonzero that no block has had
  std::vector<Row> rows_;      ///< of the block
  Program unused_;
};

}  // namespace sparsmith

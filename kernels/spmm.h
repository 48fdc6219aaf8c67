/// \file
/// The product of a sparse tile with panels of X, fully unrolled: for every row k of X that the tile uses one vector
/// load, then one multiply-accumulate per nonzero with the next streamed value.
#pragma once

#include <span>

#include "kernels/program.h"
#include "plan/layer_matrix.h"

namespace sparsmith {

/// One block of work: `rows` of Y (in accumulator order) times columns [k_begin, k_end) of the layer's matrix.
struct TileBlock {
  std::span<const int32_t> rows;
  int64_t k_begin = 0, k_end = 0;
  bool first = true, last = true;  ///< the tile's first and last block of K
  int32_t first_row = 0;           ///< Segment::first_row
};

/// Writes the Programs of sparse tiles of one pattern. Reuses its working memory from tile to tile.
class SpmmWriter {
 public:
  SpmmWriter(const LayerMatrix& matrix, const Problem& problem, int panels, const Schedule& schedule);

  /// The Program of a block; appends the values it streams to `values`, whose size at the call is slot 0.
  void write(const TileBlock& block, Program& program, std::vector<ValueSource>& values);

 private:
  struct Nonzero {
    int32_t column;
    int32_t row;     ///< within the tile
    uint32_t index;  ///< in the matrix's CSR
  };
  void sort_by_column(const TileBlock& block);

  const LayerMatrix& matrix_;
  const Problem& problem_;
  int panels_, lanes_;
  bool prefetch_y_;
  Layout x_layout_;
  std::vector<int32_t> column_start_;
  std::vector<Nonzero> nonzeros_;  ///< of the block, by column, then row
};

}  // namespace sparsmith

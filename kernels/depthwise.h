/// \file
/// Rows with few nonzeros of their own channel, as in depthwise convolutions: no other row shares their lines of X, but
/// neighbouring panels do, by the overlap of their taps. So a pass computes several panels, one row after the other: a
/// line of X is loaded once for all taps of all of the pass's panels that it serves, a weight once for all panels.
/// Where all rows have the same taps, as unpruned ones do, the code is a loop over them.
///
/// X on its grid (Layout::grid) has no halo: what a tile needs of its neighbours is their line at some place of the
/// tile, shifted by as many lanes as they are away, with zeros where there is none. A pass is then all of an image, a
/// loop over rows for every few positions.
#pragma once

#include <optional>

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
  /// A line of X as a product reads it.
  struct Line {
    int64_t line = 0;
    int shift = 0;  ///< lanes that it is taken from behind
    int mask = -1;  ///< of Program::lane_masks; -1: all lanes
    auto operator<=>(const Line&) const = default;
  };
  /// A nonzero's product in panel u, by the line of X it reads.
  struct Product {
    Line line;
    int32_t nonzero;  ///< of the row, from 0
    int32_t panel;
    auto operator<=>(const Product&) const = default;
  };
  /// Positions that are computed together; on a grid from (row, column) on, `width` in a row of them.
  struct Block {
    int panels = 1;
    int64_t row = 0, column = 0, width = 1;
  };
  /// How many of the block's first rows a loop can go through, `step` rows a round: each row has the nonzeros of the
  /// row `step` before it, one line on.
  int64_t rows_in_loop(const TileBlock& block, int64_t step) const;
  void write_rows(const TileBlock& tile, const Block& block, size_t first_slot, Program& program,
                  std::vector<ValueSource>& values);
  void write_row(int32_t row, const Block& block, size_t first_slot, Program& program,
                 std::vector<ValueSource>& values);
  /// What column `column` of the matrix reads of X for panel u of a block; none where only padding is.
  std::optional<Line> line_of(int64_t column, const Block& block, int u, Program& program) const;
  std::optional<Line> line_on_grid(int64_t channel, int64_t y, int64_t x, Program& program) const;
  std::vector<Block> grid_blocks() const;

  const LayerMatrix& matrix_;
  const Problem& problem_;
  RegisterFile registers_;
  std::vector<Product> products_;
};

}  // namespace sparsmith

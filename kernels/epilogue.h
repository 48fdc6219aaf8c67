/// \file
/// The fused epilogue as Program ops, shared by every kernel family.
#pragma once

#include <span>

#include "kernels/program.h"

namespace sparsmith {

/// The rows and panels whose accumulators a Program holds: acc[r * panels + u] is Y(rows[r], u).
struct TileShape {
  std::span<const int32_t> rows;
  int panels = 1;
  /// Lines from a row of Y to the same row of the next panel, where that is a constant: all panels are then addressed
  /// from the first. 0: EntryArgs has it.
  int64_t panel_lines = 0;
  int32_t first_row = 0;  ///< where code counts rows of Y from
};

/// An op on accumulator `acc` and Y's or the residual's row `rows[r]` in panel u.
inline Op memory_op(OpCode code, const TileShape& tile, uint8_t acc, size_t r, int u) {
  const int32_t row = tile.rows[r] - tile.first_row;
  if (tile.panel_lines > 0) return {code, acc, 0, 0, static_cast<int32_t>(row + u * tile.panel_lines)};
  return {code, acc, 0, static_cast<uint8_t>(u), row};
}

/// Appends the epilogue for a finished tile: scale, bias, residual, activation, residual. Uses x[0] as scratch and
/// appends the parameters it reads to `values` (slot numbers are relative to `first_slot`, the segment's own first
/// value).
void append_epilogue(Program& program, const TileShape& tile, const Epilogue& epilogue,
                     std::vector<ValueSource>& values, size_t first_slot);

/// acc = 0.
void append_zeros(Program& program, const TileShape& tile);
/// acc = the partial sums or old Y that the tile goes on from.
void append_loads(Program& program, const TileShape& tile);
void append_stores(Program& program, const TileShape& tile);

}  // namespace sparsmith

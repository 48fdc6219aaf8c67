/// \file
/// Which rows of Y share a tile. A tile loads each row of X that any of its rows uses, once: rows with similar nonzeros
/// should be together.
#pragma once

#include <cstdint>
#include <vector>

#include "sparsmith/pattern.h"

namespace sparsmith {

/// A partition of all rows.
struct Tiling {
  std::vector<std::vector<int32_t>> tiles;  ///< row indices, in accumulator order
  int64_t x_loads = 0;                      ///< over tiles: distinct columns used; loads of X per panel
};

/// At most `tile_rows` rows a tile, in as few tiles as that takes, sizes differing by at most one (31 + 31 + 2 rows
/// would leave the last tile latency-bound). Without `cluster`: consecutive rows.
///
/// With it: greedy. A tile starts with the heaviest row left and takes, one by one, the row that brings the fewest
/// columns per nonzero of its own; counts are kept up to date through the transposed pattern, so a tile costs O(nnz) at
/// most. Patterns of more than half nonzeros are left in order. More than some 4000 rows are taken in bands of
/// neighbours, so that time grows with the rows and not with their square. Deterministic: ties go to the lower row.
Tiling make_tiling(const Pattern& pattern, int tile_rows, bool cluster);

}  // namespace sparsmith

/// \file
/// The index stream of the compact form: what its code reads beside the packed values. A segment's stream starts on a
/// multiple of 8 bytes with a header; then each row, in the order of the packed values:
///
///     row, count, index * count
///
/// all of index_bytes (2 or 4) each, unsigned: the row's number in the tile, its nonzeros in this block of K, and of
/// each nonzero eight times its line of X less CompactHeader::first_line, which code turns into an address without a
/// shift. Lines are those of pattern/x_lines.h.
#pragma once

#include <cstdint>
#include <string>

#include "artifact/image.h"

namespace sparsmith {

struct CompactHeader {
  int64_t rows = 0;        ///< rows that follow, >= 1
  int64_t first_row = 0;   ///< of Y: the tile's
  int64_t first_line = 0;  ///< line of X that index 0 means
  int64_t row_values = 0;  ///< packed values behind each row's nonzeros
};

inline constexpr int kIndexScale = 8;
/// Rows of a tile and nonzeros of a row in a block are counted in two bytes.
inline constexpr int64_t kMostCompactTileRows = int64_t{1} << 16;

/// Bytes of an index for blocks of so many lines.
constexpr int index_bytes(int64_t block_lines) { return block_lines <= (int64_t{1} << 16) / kIndexScale ? 2 : 4; }

/// That what the streams say stays inside X, Y and the packed values, and the streams inside image.indices. Empty when
/// right, else what is wrong.
std::string check_compact_streams(const KernelImage& image);

}  // namespace sparsmith

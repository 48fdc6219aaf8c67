/// \file
/// What code of the vector form is made for and the runtime finds again from the pattern: the order of rows, the room
/// of a column.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace sparsmith {

/// All rows of a CSR pattern, those with most nonzeros first, equals in order.
std::vector<int32_t> rows_by_count(std::span<const int64_t> row_offsets);

/// Floats of a column of X as code of the vector form reads it that has no windows of 16.
constexpr int64_t lane_column_floats(int64_t k) { return (k + 8 + 15) / 16 * 16; }

}  // namespace sparsmith

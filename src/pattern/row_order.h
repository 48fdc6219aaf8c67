/// \file
/// The order of rows that the vector form's code is made for; the runtime finds it again from the pattern.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace sparsmith {

/// All rows of a CSR pattern, those with most nonzeros first, equals in order.
std::vector<int32_t> rows_by_count(std::span<const int64_t> row_offsets);

}  // namespace sparsmith

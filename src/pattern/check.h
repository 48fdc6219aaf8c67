/// \file
/// The rules of Pattern::create, for arrays that need not become a Pattern.
#pragma once

#include <cstdint>
#include <span>

#include "sparsmith/result.h"

namespace sparsmith {

/// bad_input names the first row that breaks a rule.
Status check_csr(int64_t rows, int64_t cols, std::span<const int64_t> row_offsets, std::span<const int32_t> columns);

}  // namespace sparsmith

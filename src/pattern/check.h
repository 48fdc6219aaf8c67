/// \file
/// The rules of Pattern::create, for arrays that need not become a Pattern, and of convolutions.
#pragma once

#include <cstdint>
#include <span>

#include "sparsmith/problem.h"
#include "sparsmith/result.h"

namespace sparsmith {

/// bad_input names the first row that breaks a rule.
Status check_csr(int64_t rows, int64_t cols, std::span<const int64_t> row_offsets, std::span<const int32_t> columns);

/// Whether weights of m rows and k columns can belong to the convolution: sizes in range, groups and taps that divide
/// the weights, an output of at least 1 x 1, no more positions and channels than code can reach. Names the number that
/// isn't.
Status check_conv(int64_t m, int64_t k, const Conv2d& conv);

}  // namespace sparsmith

/// \file
/// What kind of pruning a pattern looks like, in a word or two.
#pragma once

#include <string>

#include "sparsmith/pattern.h"

namespace sparsmith::cli {

/// The first of these that holds for at least 95 % of the nonzeros:
/// * "dense": no more than 1 % zeros;
/// * "channel-pruned": the rows and columns that aren't empty are dense;
/// * "n:m": every aligned group of m columns, m being 4, 8 or 16, holds n nonzeros in each row that has any, n <= m /
/// 2;
/// * "blocks r x c": nonzeros come in aligned blocks of r rows and c columns, all of them nonzero, of at least 4
/// elements;
///   `taps` columns, a filter's window, are tried too;
/// * "unstructured", otherwise. Groups of a convolution aren't seen: its rows are.
std::string pattern_class(const Pattern& pattern, int64_t taps = 1);

}  // namespace sparsmith::cli

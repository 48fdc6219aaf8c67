/// \file
/// Whether two kernels of one call go block by block, or one after the other.
#pragma once

#include <cstdint>
#include <string>

namespace sparsmith {

/// What the decision looks at; a call's plain numbers, so that equal calls are computed equally.
struct FusionShape {
  int64_t positions = 0;      ///< of all images
  int64_t row = 1;            ///< positions that the first kernel takes together best: a row of them, or some rows
  int64_t between_bytes = 0;  ///< what the first kernel writes for a position
  int64_t outer_bytes = 0;    ///< what it reads for one, and the second kernel writes
  int64_t y_bytes = 0;        ///< of these, what the second kernel writes
  int64_t second_code = 0;    ///< bytes of code and values that the second kernel goes through for every block
  int64_t l1i_bytes = 0, l2_bytes = 0;
  int threads = 1;
};

/// Positions of a block that stays cached between the two kernels.
int64_t block_positions(const FusionShape& shape);

enum class FusionReason : uint8_t {
  pays,       ///< more traffic is saved than code is fetched again
  cached,     ///< everything stays in L2 anyway
  one_block,  ///< there is nothing to cut
  code,       ///< the second kernel's code would be fetched too often
  threads,    ///< positions don't go round among the threads
};

struct Fusion {
  int64_t block = 0;  ///< positions; 0: one kernel after the other
  FusionReason reason = FusionReason::pays;
};
Fusion choose_fusion(const FusionShape& shape);

/// Whether it pays as well in a chain of layers, where X has just been written and Y is read next. One after the other
/// the kernels leave Y in L2; block by block X passes through beside it, and pushes out what the next layer reads
/// first.
bool pays_in_chain(const FusionShape& shape);

/// The reason in words, with the numbers behind it.
std::string describe(const Fusion& fusion, const FusionShape& shape);

}  // namespace sparsmith

/// \file
/// The product of a sparse matrix with few columns, lane by lane: slices of 16 rows (plan/slices.h), each slot of them
/// one lookup of 16 floats of X and one multiply-accumulate with 16 weights.
///
/// Its Programs see X as rows of 16 floats, row w * columns + u being window w of column u, and Y as rows of 16 floats,
/// row s * columns + u being slice s of column u, which holds what the sums start from before and the results after.
/// With 8 lanes (AVX2) slices have 8 rows, in rows of 16 floats all the same, and X is columns side by side.
///
/// Without windows (window_step 1) X is columns side by side too: some slices go through all of K in a loop, each
/// number of X in all lanes, with weights that are zero where the pattern has none.
#pragma once

#include <span>

#include "kernels/program.h"
#include "plan/slices.h"
#include "sparsmith/pattern.h"

namespace sparsmith {

/// Consecutive slices of a matrix whose rows are in `order`.
struct SliceRange {
  std::span<const int32_t> order;
  int64_t begin = 0, end = 0;
};

class SpmvWriter {
 public:
  SpmvWriter(const Pattern& pattern, const Problem& problem, const Schedule& schedule);

  /// Packs the range's slots and appends the values they stream, whole vectors of as many as there are lanes.
  void pack(const SliceRange& range, std::vector<ValueSource>& values);
  /// The Program of what was packed last, for `columns` columns a pass.
  void write(int columns, Program& program) const;

 private:
  struct Slice {
    int64_t number;
    size_t slots_end;  ///< in slots_
    int32_t value;     ///< slot of its first weights, then of its parameters
  };
  void append_slice(const Slice& slice, std::span<const Slot> slots, int columns, Program& program) const;
  /// Without windows: slices that share each number of X.
  int64_t slices_together() const;
  void pack_whole(const SliceRange& range, std::vector<ValueSource>& values);
  void append_whole(std::span<const Slice> slices, int columns, Program& program) const;
  int32_t append_rounds(std::span<const Slot> slots, int32_t value, int columns, Program& program) const;
  /// The accumulators and rows of Y of slices that follow each other; in a slice, by column.
  struct Sums {
    uint8_t first, step;
    int columns, slices;
    int32_t y_row;
    uint8_t acc(int i) const { return static_cast<uint8_t>(first + i * step); }
  };
  void append_epilogue(int32_t value, const Sums& sums, Program& program) const;

  const Pattern& pattern_;
  const Problem& problem_;
  const Schedule& schedule_;
  const size_t lanes_;
  const int64_t column_floats_;  ///< of X, where it is columns side by side
  SlicePacker packer_;
  std::vector<Slot> slots_;
  std::vector<Slice> slices_;
};

}  // namespace sparsmith

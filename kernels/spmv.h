/// \file
/// The product of a sparse matrix with few columns, lane by lane: slices of 16 rows (plan/slices.h), each slot of them
/// one lookup of 16 floats of X and one multiply-accumulate with 16 weights.
///
/// Its Programs see X as rows of 16 floats, row w * columns + u being window w of column u, and Y as rows of 16 floats,
/// row s * columns + u being slice s of column u, which holds what the sums start from before and the results after.
/// With 8 lanes (AVX2) slices have 8 rows, in rows of 16 floats all the same, and X is columns side by side.
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
  int32_t append_rounds(std::span<const Slot> slots, int32_t value, int columns, Program& program) const;
  /// A slice's accumulators and rows of Y, by column.
  struct Sums {
    uint8_t first, step;
    int columns;
    int32_t y_row;
    uint8_t acc(int u) const { return static_cast<uint8_t>(first + u * step); }
  };
  void append_epilogue(int32_t value, const Sums& sums, Program& program) const;

  const Problem& problem_;
  const size_t lanes_;
  const int64_t column_floats_;  ///< of X, with 8 lanes
  SlicePacker packer_;
  std::vector<Slot> slots_;
  std::vector<Slice> slices_;
};

}  // namespace sparsmith

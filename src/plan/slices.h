/// \file
/// How the vector form lays out a matrix: rows in slices of 16, one a lane, and the nonzeros of a slice in slots of at
/// most one a row.
///
/// A slot names two windows of X, 16 columns each; every row of the slice takes one of its nonzeros in them. Windows
/// begin at every `step`-th column and overlap. Side by side (step 16) each of them needs as many slots as the row that
/// has most nonzeros there, which leaves a quarter of all lanes empty at 90 % zeros; with step 4 it is an eighth.
///
/// AVX2 looks up 8 floats at once: slices of 8 rows, and a slot has one window of 8 columns, which begins at any
/// column, that of the first nonzero left. Half of all lanes are empty at 90 % zeros, but a slot takes two
/// instructions.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "sparsmith/pattern.h"

namespace sparsmith {

inline constexpr int kSliceRows = 16, kNarrowSliceRows = 8;
inline constexpr int kWindowColumns = 16;
inline constexpr int32_t kLeastWindowStep = 4;

/// Window w holds columns [w * step, w * step + 16), zeros where those are past K.
constexpr int64_t window_count(int64_t k, int64_t step) { return (k + step - 1) / step; }

struct Slot {
  int32_t first = 0, second = 0;            ///< windows
  std::array<int64_t, kSliceRows> nonzero;  ///< in CSR; -1: none
  std::array<uint8_t, kSliceRows> lane;     ///< place in the windows: 0 to 15 in the first, 16 to 31 in the second
};

/// Packs slices of one pattern, with working memory that it keeps from slice to slice.
class SlicePacker {
 public:
  /// Slices have `lanes` rows: 16 or 8; `step` is of no meaning to 8.
  SlicePacker(const Pattern& pattern, int step, int lanes = kSliceRows);

  /// Appends the slots of at most 16 (8) rows, each nonzero in exactly one of them; their first windows ascend.
  /// Deterministic.
  void pack(std::span<const int32_t> rows, std::vector<Slot>& slots);

 private:
  void pack_narrow(std::vector<Slot>& slots) const;
  void load();
  void weigh();
  int64_t best_partner(int64_t first) const;
  uint32_t columns_left(size_t row, int64_t window) const;
  void take(size_t row, int64_t window, int base, Slot& slot);

  const Pattern& pattern_;
  const int lanes_;
  const int64_t step_, windows_;
  const size_t words_;  ///< of a row in bits_
  std::span<const int32_t> rows_;
  std::vector<uint64_t> bits_;     ///< columns that are left, by row
  std::vector<uint16_t> rows_in_;  ///< rows that have something left in a window
  std::vector<int32_t> count_in_;  ///< what is left in a window
  std::array<int64_t, kSliceRows> left_{};
  std::array<uint16_t, 256> low_weight_{}, high_weight_{};  ///< of a set of rows: of its lower and its upper half
};

/// Slots of all slices of the pattern, estimated from some of them when there are many.
int64_t estimate_slots(const Pattern& pattern, int step, int lanes = kSliceRows);

}  // namespace sparsmith

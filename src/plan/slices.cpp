#include "plan/slices.h"

#include <algorithm>
#include <bit>

#include "pattern/row_order.h"

namespace sparsmith {
namespace {

/// How far from the first window the second may lie. Rows drift apart by several hundred columns; a farther search
/// finds no fuller slots and takes as much longer.
constexpr int64_t kReachColumns = 1024;
/// Weight of a row in a slot, and the most that is added for being behind: rows with most left decide how many slots
/// there will be.
constexpr int kRowWeight = 64, kBehindWeight = 192;

}  // namespace

SlicePacker::SlicePacker(const Pattern& pattern, int step, int lanes)
    : pattern_(pattern),
      lanes_(lanes),
      step_(step),
      windows_(window_count(pattern.cols(), step)),
      // A window may reach 15 columns past K, and is read from two words.
      words_(static_cast<size_t>((pattern.cols() + kWindowColumns) / 64 + 2)) {}

void SlicePacker::load() {
  bits_.assign(words_ * kSliceRows, 0);
  rows_in_.assign(static_cast<size_t>(windows_), 0);
  count_in_.assign(static_cast<size_t>(windows_), 0);
  left_.fill(0);
  const auto offsets = pattern_.row_offsets();
  const auto columns = pattern_.columns();
  for (size_t r = 0; r < rows_.size(); ++r) {
    const int64_t begin = offsets[rows_[r]], end = offsets[rows_[r] + 1];
    left_[r] = end - begin;
    for (int64_t i = begin; i < end; ++i) {
      const int64_t column = columns[i];
      bits_[r * words_ + static_cast<size_t>(column) / 64] |= uint64_t{1} << (column % 64);
      for (int64_t w = column / step_; w >= 0 && w * step_ + kWindowColumns > column; --w) {
        rows_in_[w] = static_cast<uint16_t>(rows_in_[w] | 1u << r);
        ++count_in_[w];
      }
    }
  }
}

/// Weights of all sets of rows by what each row has left.
void SlicePacker::weigh() {
  const int64_t most = *std::max_element(left_.begin(), left_.end());
  const auto fill = [&](std::array<uint16_t, 256>& weights, size_t first_row) {
    weights[0] = 0;
    for (size_t r = 0; r < 8; ++r) {
      const auto weight = static_cast<uint16_t>(kRowWeight + kBehindWeight / (1 + most - left_[first_row + r]));
      for (size_t set = 0; set < size_t{1} << r; ++set) {
        weights[set | size_t{1} << r] = static_cast<uint16_t>(weights[set] + weight);
      }
    }
  };
  fill(low_weight_, 0);
  fill(high_weight_, 8);
}

/// The window that, with `first`, serves the rows of most weight; among equals the one with most left.
int64_t SlicePacker::best_partner(int64_t first) const {
  const int64_t end = std::min(windows_, first + kReachColumns / step_);
  const uint32_t covered = rows_in_[first];
  int64_t best = first;
  int32_t best_weight = -1;
  for (int64_t w = first; w < end; ++w) {
    const uint32_t rows = covered | rows_in_[w];
    const int32_t weight = low_weight_[rows & 255] + high_weight_[rows >> 8];
    if (weight > best_weight || (weight == best_weight && count_in_[w] > count_in_[best])) {
      best = w;
      best_weight = weight;
    }
  }
  return best;
}

/// Bit i: whether column i of the window is left in the row.
uint32_t SlicePacker::columns_left(size_t row, int64_t window) const {
  const int64_t column = window * step_;
  const uint64_t* word = &bits_[row * words_ + static_cast<size_t>(column) / 64];
  const int64_t shift = column % 64;
  const uint64_t bits = shift == 0 ? word[0] : word[0] >> shift | word[1] << (64 - shift);
  return static_cast<uint32_t>(bits & 0xffff);
}

void SlicePacker::take(size_t row, int64_t window, int base, Slot& slot) {
  const int place = std::countr_zero(columns_left(row, window));
  const int64_t column = window * step_ + place;
  const auto columns = pattern_.columns();
  const auto begin = columns.begin() + pattern_.row_offsets()[rows_[row]];
  const auto end = columns.begin() + pattern_.row_offsets()[rows_[row] + 1];
  slot.nonzero[row] = std::lower_bound(begin, end, static_cast<int32_t>(column)) - columns.begin();
  slot.lane[row] = static_cast<uint8_t>(base + place);
  --left_[row];
  bits_[row * words_ + static_cast<size_t>(column) / 64] &= ~(uint64_t{1} << (column % 64));
  for (int64_t w = column / step_; w >= 0 && w * step_ + kWindowColumns > column; --w) {
    --count_in_[w];
    if (columns_left(row, w) == 0) rows_in_[w] = static_cast<uint16_t>(rows_in_[w] & ~(1u << row));
  }
}

/// The window that begins at the first nonzero left must be some slot's, or one further left that holds less; and a row
/// gains nothing by keeping its first nonzero in there for later. So no other choice needs fewer slots.
void SlicePacker::pack_narrow(std::vector<Slot>& slots) const {
  const auto offsets = pattern_.row_offsets();
  const auto columns = pattern_.columns();
  std::array<int64_t, kNarrowSliceRows> next{}, end{};
  for (size_t r = 0; r < rows_.size(); ++r) next[r] = offsets[rows_[r]], end[r] = offsets[rows_[r] + 1];
  for (;;) {
    constexpr int32_t kNone = INT32_MAX;
    int32_t first = kNone;
    for (size_t r = 0; r < rows_.size(); ++r) {
      if (next[r] < end[r]) first = std::min(first, columns[next[r]]);
    }
    if (first == kNone) return;
    Slot& slot = slots.emplace_back();
    slot.nonzero.fill(-1);
    slot.lane.fill(0);
    slot.first = slot.second = first;
    for (size_t r = 0; r < rows_.size(); ++r) {
      if (next[r] == end[r] || columns[next[r]] - first >= kNarrowSliceRows) continue;
      slot.lane[r] = static_cast<uint8_t>(columns[next[r]] - first);
      slot.nonzero[r] = next[r]++;
    }
  }
}

void SlicePacker::pack(std::span<const int32_t> rows, std::vector<Slot>& slots) {
  rows_ = rows;
  if (lanes_ == kNarrowSliceRows) return pack_narrow(slots);
  load();
  // From the left: the first window begins as near to the first column left as it can; the second is free. A row that
  // both serve takes the first's, which must be emptied before the sweep goes on.
  for (int64_t first = 0; first < windows_;) {
    // All columns that begin in this window's own step must go before the next window is the first.
    if (rows_in_[first] == 0) {
      ++first;
      continue;
    }
    // Some window further right still holds everything that is left here: begin there.
    if (first + 1 < windows_ && (first + 1) * step_ < pattern_.cols()) {
      uint32_t near = 0;
      for (size_t r = 0; r < rows.size(); ++r)
        near |= columns_left(r, first) & ((1u << std::min<int64_t>(step_, 16)) - 1);
      if (near == 0) {
        ++first;
        continue;
      }
    }
    weigh();
    Slot& slot = slots.emplace_back();
    slot.nonzero.fill(-1);
    slot.lane.fill(0);
    slot.first = static_cast<int32_t>(first);
    const int64_t second = best_partner(first);
    slot.second = static_cast<int32_t>(second);
    const uint32_t in_first = rows_in_[first], in_second = rows_in_[second] & ~in_first;
    for (size_t r = 0; r < rows.size(); ++r) {
      if (in_first >> r & 1) {
        take(r, first, 0, slot);
      } else if (in_second >> r & 1) {
        take(r, second, kWindowColumns, slot);
      }
    }
  }
}

int64_t estimate_slots(const Pattern& pattern, int step, int lanes) {
  constexpr int64_t kMostPacked = 4;
  const std::vector<int32_t> order = rows_by_count(pattern.row_offsets());
  const auto slices = (static_cast<int64_t>(order.size()) + lanes - 1) / lanes;
  const int64_t packed = std::min(slices, kMostPacked * kSliceRows / lanes);
  SlicePacker packer(pattern, step, lanes);
  std::vector<Slot> slots;
  int64_t nonzeros = 0;
  for (int64_t i = 0; i < packed; ++i) {
    // The middle one of each of so many equal parts.
    const auto begin = static_cast<size_t>((2 * i + 1) * slices / (2 * packed) * lanes);
    const auto rows =
        std::span(order).subspan(begin, std::min<size_t>(static_cast<size_t>(lanes), order.size() - begin));
    packer.pack(rows, slots);
    for (const int32_t row : rows) nonzeros += pattern.row_offsets()[row + 1] - pattern.row_offsets()[row];
  }
  if (packed == slices || nonzeros == 0) return static_cast<int64_t>(slots.size());
  return static_cast<int64_t>(static_cast<double>(slots.size()) * static_cast<double>(pattern.nnz()) /
                              static_cast<double>(nonzeros));
}

}  // namespace sparsmith

// Slots hold every nonzero of a slice once, in a lane of one of their windows.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "pattern/row_order.h"
#include "plan/slices.h"

namespace sparsmith {
namespace {

Pattern random_pattern(int64_t m, int64_t k, double density, uint32_t seed) {
  std::mt19937 rng(seed);
  std::bernoulli_distribution kept(density);
  std::vector<int64_t> offsets{0};
  std::vector<int32_t> columns;
  for (int64_t r = 0; r < m; ++r) {
    for (int32_t c = 0; c < k; ++c) {
      if (kept(rng)) columns.push_back(c);
    }
    offsets.push_back(static_cast<int64_t>(columns.size()));
  }
  return Pattern::create(m, k, std::move(offsets), std::move(columns)).value();
}

std::vector<Slot> pack_all(const Pattern& pattern, int step) {
  const std::vector<int32_t> order = rows_by_count(pattern.row_offsets());
  SlicePacker packer(pattern, step);
  std::vector<Slot> slots;
  for (size_t r = 0; r < order.size(); r += kSliceRows) {
    packer.pack(std::span(order).subspan(r, std::min<size_t>(kSliceRows, order.size() - r)), slots);
  }
  return slots;
}

// With 8 lanes a window begins at any column; what a slot takes lies in it, and no row could have gone on sooner.
TEST(Slices, NarrowSlotsHoldEveryNonzeroOnce) {
  uint32_t seed = 100;
  for (const int64_t k : {1, 3, 7, 8, 9, 64, 65, 250, 1300}) {
    for (const double density : {0.003, 0.1, 0.5, 1.0}) {
      const Pattern pattern = random_pattern(21, k, density, ++seed);
      const std::vector<int32_t> order = rows_by_count(pattern.row_offsets());
      SlicePacker packer(pattern, 16, kNarrowSliceRows);
      std::vector<int> places(static_cast<size_t>(pattern.nnz()), 0);
      std::vector<Slot> slots;
      int64_t all = 0;
      for (size_t first = 0; first < order.size(); first += kNarrowSliceRows) {
        const auto rows = std::span(order).subspan(first, std::min<size_t>(kNarrowSliceRows, order.size() - first));
        slots.clear();
        packer.pack(rows, slots);
        all += static_cast<int64_t>(slots.size());
        int32_t before = -1;
        for (const Slot& slot : slots) {
          ASSERT_LE(before, slot.first);
          before = slot.first;
          int filled = 0;
          for (size_t r = 0; r < slot.nonzero.size(); ++r) {
            if (slot.nonzero[r] < 0) continue;
            ++filled;
            ASSERT_LT(r, rows.size());
            ++places[static_cast<size_t>(slot.nonzero[r])];
            ASSERT_GE(slot.nonzero[r], pattern.row_offsets()[rows[r]]);
            ASSERT_LT(slot.nonzero[r], pattern.row_offsets()[rows[r] + 1]);
            ASSERT_LT(slot.lane[r], kNarrowSliceRows);
            ASSERT_EQ(slot.first + slot.lane[r], pattern.columns()[slot.nonzero[r]]);
          }
          ASSERT_GT(filled, 0);
        }
      }
      EXPECT_EQ(std::count(places.begin(), places.end(), 1), pattern.nnz());
      EXPECT_EQ(estimate_slots(pattern, 16, kNarrowSliceRows), all) << "few slices are all packed";
    }
  }
}

TEST(Slices, RowsByCountDescendAndTiesStayInOrder) {
  const std::vector<int64_t> offsets{0, 1, 4, 5, 5, 8};
  EXPECT_EQ(rows_by_count(offsets), (std::vector<int32_t>{1, 4, 0, 2, 3}));
}

TEST(Slices, EveryNonzeroHasOnePlace) {
  uint32_t seed = 0;
  for (const int64_t k : {1, 3, 15, 16, 17, 64, 65, 250, 1300, 5000}) {
    for (const double density : {0.003, 0.1, 0.5, 1.0}) {
      for (const int step : {4, 8, 16}) {
        const Pattern pattern = random_pattern(37, k, density, ++seed);
        const std::vector<int32_t> order = rows_by_count(pattern.row_offsets());
        SlicePacker packer(pattern, step);
        std::vector<int> places(static_cast<size_t>(pattern.nnz()), 0);
        std::vector<Slot> slots;
        for (size_t first = 0; first < order.size(); first += kSliceRows) {
          const auto rows = std::span(order).subspan(first, std::min<size_t>(kSliceRows, order.size() - first));
          slots.clear();
          packer.pack(rows, slots);
          int32_t before = 0;
          for (const Slot& slot : slots) {
            ASSERT_LE(before, slot.first);
            ASSERT_LT(slot.second, window_count(k, step));
            before = slot.first;
            int filled = 0;
            for (size_t r = 0; r < kSliceRows; ++r) {
              if (slot.nonzero[r] < 0) continue;
              ++filled;
              ASSERT_LT(r, rows.size());
              const int64_t nonzero = slot.nonzero[r];
              ASSERT_GE(nonzero, pattern.row_offsets()[rows[r]]);
              ASSERT_LT(nonzero, pattern.row_offsets()[rows[r] + 1]);
              const int32_t window = slot.lane[r] < kWindowColumns ? slot.first : slot.second;
              ASSERT_EQ(window * step + slot.lane[r] % kWindowColumns, pattern.columns()[nonzero]);
              ++places[static_cast<size_t>(nonzero)];
            }
            ASSERT_GT(filled, 0);
          }
        }
        for (const int count : places) ASSERT_EQ(count, 1);
      }
    }
  }
}

TEST(Slices, OverlappingWindowsLeaveFewLanesEmpty) {
  const Pattern pattern = random_pattern(256, 1024, 0.1, 1);
  const auto fill = [&](int step) {
    return static_cast<double>(pattern.nnz()) / static_cast<double>(kSliceRows * pack_all(pattern, step).size());
  };
  EXPECT_GT(fill(16), 0.70);
  EXPECT_GT(fill(8), 0.79);
  EXPECT_GT(fill(4), 0.83);
}

TEST(Slices, SomeSlicesTellTheSlotsOfAll) {
  for (const double density : {0.02, 0.1, 0.4}) {
    const Pattern pattern = random_pattern(500, 700, density, 5);
    const auto packed = static_cast<double>(pack_all(pattern, 8).size());
    EXPECT_NEAR(static_cast<double>(estimate_slots(pattern, 8)), packed, 0.05 * packed);
  }
  EXPECT_EQ(estimate_slots(random_pattern(40, 30, 0.0, 1), 8), 0);
}

}  // namespace
}  // namespace sparsmith

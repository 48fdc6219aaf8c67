// Which way a call is divided among threads.
#include "runtime/split.h"

#include <gtest/gtest.h>

#include <random>

namespace sparsmith {
namespace {

// A layer of ResNet-50's third group at 90 %.
constexpr SplitShape kLayer{.panels = 1, .k = 1024, .tiles = 9, .work = 26000};

Split split(int64_t panels, int threads) {
  SplitShape shape = kLayer;
  shape.panels = panels;
  return choose_split(shape, threads);
}

TEST(SplitTest, FewColumnsAreDividedByRowsAndManyByColumns) {
  EXPECT_EQ(split(1, 2).by, SplitBy::rows);
  EXPECT_EQ(split(3, 8).by, SplitBy::rows);
  for (const int threads : {2, 4, 7, 14}) EXPECT_EQ(split(196, threads).by, SplitBy::columns) << threads;
}

TEST(SplitTest, PanelsLeftOverAreDividedByRows) {
  EXPECT_EQ(split(13, 2).by, SplitBy::both);
  EXPECT_EQ(split(12, 2).by, SplitBy::columns);
  SplitShape shape = kLayer;
  shape.panels = 13;
  shape.panels_per_pass = 2;
  EXPECT_EQ(choose_split(shape, 2).by, SplitBy::columns);
}

TEST(SplitTest, PackingByOneThreadCountsAgainstRows) {
  SplitShape shape = kLayer;
  shape.panels = 3;
  shape.k = 2000;
  shape.work = 150000;
  EXPECT_EQ(choose_split(shape, 4).by, SplitBy::rows);
  shape.packs_x = true;
  EXPECT_EQ(choose_split(shape, 4).by, SplitBy::columns);
}

TEST(SplitTest, NoMoreThreadsThanThereAreParts) {
  std::mt19937 random(1);
  const auto upto = [&](int64_t most) { return 1 + static_cast<int64_t>(random() % static_cast<uint64_t>(most)); };
  for (int i = 0; i < 5000; ++i) {
    const SplitShape shape{.panels = upto(40),
                           .k = upto(5000),
                           .tiles = upto(40),
                           .work = upto(100000) - 1,
                           .panels_per_pass = upto(2),
                           .n_blocks = upto(3),
                           .packs_x = upto(2) == 1};
    const int threads = static_cast<int>(upto(16));
    const Split found = choose_split(shape, threads);
    ASSERT_GE(found.threads, 1);
    ASSERT_LE(found.threads, threads);
    if (found.by == SplitBy::columns) {
      ASSERT_LE(found.threads, shape.panels);
    }
    if (found.by == SplitBy::rows) {
      ASSERT_LE(found.threads, shape.tiles);
    }
    if (found.by == SplitBy::both) {
      ASSERT_LT(found.threads, shape.panels);
    }
    ASSERT_EQ(found.by == SplitBy::none, found.threads == 1);
  }
}

TEST(SplitTest, OfAPlan) {
  Plan plan;
  plan.m = 256, plan.k = 1024, plan.nnz = 26000, plan.n = 16;
  EXPECT_EQ(choose_split(plan, {}, 1).by, SplitBy::none);
  Problem panels;
  panels.x_layout = Layout::panel;
  EXPECT_EQ(choose_split(plan, panels, 2).by, SplitBy::rows);
  plan.n = 3136;
  EXPECT_EQ(choose_split(plan, panels, 2).by, SplitBy::columns);
}

}  // namespace
}  // namespace sparsmith

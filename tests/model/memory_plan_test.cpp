// Buffers that live at the same time never overlap, and memory is reused.
#include "model/memory_plan.h"

#include <gtest/gtest.h>

#include <random>

namespace sparsmith::model {
namespace {

int64_t most_alive(const std::vector<Lifetime>& lifetimes) {
  int64_t most = 0;
  for (const Lifetime& at : lifetimes) {
    int64_t alive = 0;
    for (const Lifetime& other : lifetimes) {
      if (other.first <= at.first && at.first <= other.last) alive += (other.bytes + 63) / 64 * 64;
    }
    most = std::max(most, alive);
  }
  return most;
}

TEST(MemoryPlan, RandomLifetimesShareWithoutOverlap) {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<Lifetime> lifetimes(random() % 40);
    for (Lifetime& lifetime : lifetimes) {
      lifetime.bytes = static_cast<int64_t>(random() % 5000);
      lifetime.first = static_cast<int64_t>(random() % 30);
      lifetime.last = lifetime.first + static_cast<int64_t>(random() % 6);
    }
    const MemoryPlan plan = plan_memory(lifetimes);
    ASSERT_EQ(plan.offsets.size(), lifetimes.size());
    for (size_t i = 0; i < lifetimes.size(); ++i) {
      EXPECT_EQ(plan.offsets[i] % 64, 0);
      EXPECT_LE(plan.offsets[i] + lifetimes[i].bytes, plan.bytes);
      for (size_t j = 0; j < i; ++j) {
        const bool together = lifetimes[i].first <= lifetimes[j].last && lifetimes[j].first <= lifetimes[i].last;
        const bool apart = plan.offsets[i] + lifetimes[i].bytes <= plan.offsets[j] ||
                           plan.offsets[j] + lifetimes[j].bytes <= plan.offsets[i];
        EXPECT_TRUE(!together || apart || lifetimes[i].bytes == 0 || lifetimes[j].bytes == 0);
      }
    }
    EXPECT_LE(plan.bytes, plan.unshared_bytes);
    EXPECT_GE(plan.bytes, most_alive(lifetimes));
  }
}

TEST(MemoryPlan, AChainTakesTwoBuffers) {
  std::vector<Lifetime> chain;
  for (int64_t i = 0; i < 20; ++i) chain.push_back({1024, i, i + 1});
  EXPECT_EQ(plan_memory(chain).bytes, 2 * 1024);
  EXPECT_EQ(plan_memory(chain).unshared_bytes, 20 * 1024);
}

}  // namespace
}  // namespace sparsmith::model

// Evicting caches: memory keeps its content, and pages that are not there stay away.
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <numeric>

#include "bench/cold.h"

namespace sparsmith::bench {
namespace {

#define SKIP_WHERE_NOTHING_CAN_BE_EVICTED(evictor) \
  if (!(evictor).unsuitable().empty()) GTEST_SKIP() << (evictor).unsuitable()

TEST(CacheEvictorTest, FlushesWhatIsAllocatedAndChangesNothing) {
  CacheEvictor evictor;
  SKIP_WHERE_NOTHING_CAN_BE_EVICTED(evictor);
  const int64_t before = evictor.evict();
  std::vector<int> large(4 << 20);
  std::iota(large.begin(), large.end(), 0);
  const int64_t after = evictor.evict();
  EXPECT_GE(after - before, static_cast<int64_t>(large.size() * sizeof(int)) - (1 << 20));
  for (size_t i = 0; i < large.size(); ++i) ASSERT_EQ(large[i], static_cast<int>(i));
}

TEST(CacheEvictorTest, TouchesNoPageThatIsNotThere) {
  CacheEvictor evictor;
  SKIP_WHERE_NOTHING_CAN_BE_EVICTED(evictor);
  const int64_t before = evictor.evict();
  const std::unique_ptr<char, void (*)(void*)> reserved(static_cast<char*>(std::malloc(size_t{8} << 30)), std::free);
  if (!reserved) GTEST_SKIP() << "this system doesn't let 8 GiB be reserved";
  EXPECT_LT(evictor.evict() - before, 64 << 20);
}

TEST(MeasureCold, TimesOneCallASample) {
  CacheEvictor evictor;
  SKIP_WHERE_NOTHING_CAN_BE_EVICTED(evictor);
  const std::vector<int> data(64 << 10, 1);  // 256 KiB
  const auto sum = [&] {
    volatile int total = std::accumulate(data.begin(), data.end(), 0);
    (void)total;
  };
  MeasureOptions options;
  options.budget_ms = 100;
  const auto cold = measure_cold({{"a", sum}, {"b", sum}}, evictor, options);
  ASSERT_EQ(cold.size(), 2u);
  for (const Timing& timing : cold) {
    EXPECT_GE(timing.samples, options.min_samples);
    EXPECT_EQ(timing.inner, 1);
    EXPECT_GT(timing.ns_min, 0);
    EXPECT_GE(timing.ns_median, timing.ns_min);
  }
}

}  // namespace
}  // namespace sparsmith::bench

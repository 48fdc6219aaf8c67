#include <gmock/gmock.h>

#include <condition_variable>
#include <stdexcept>
#include <thread>

#include "tests/cache/cache_test_support.h"

namespace sparsmith {
namespace {

using testing::HasSubstr;

TEST(MemoryCache, KeepsCodeWhileItIsUsed) {
  Cache cache;
  CountedBuild build;
  {
    const auto first = cache.get_or_build(key_of(1), build()).value();
    EXPECT_EQ(first.source, Cache::Source::built);
    const auto second = cache.get_or_build(key_of(1), build()).value();
    EXPECT_EQ(second.source, Cache::Source::memory);
    EXPECT_EQ(first.code, second.code);
    EXPECT_EQ(cache.get_or_build(key_of(2), build()).value().source, Cache::Source::built);
  }
  EXPECT_EQ(build.calls, 2);
  EXPECT_EQ(cache.get_or_build(key_of(1), build()).value().source, Cache::Source::built) << "its last user has gone";
  EXPECT_EQ(build.calls, 3);
  EXPECT_EQ(cache.stats().memory_hits, 1);
  EXPECT_EQ(cache.stats().misses, 3);
  EXPECT_EQ(cache.stats().disk_hits, 0);
  EXPECT_GT(cache.stats().build_ns, 0);
  EXPECT_EQ(cache.directory(), "");
  EXPECT_TRUE(cache.list().value().empty());
  EXPECT_EQ(cache.clear().value(), 0);
}

TEST(MemoryCache, BuildsOnceForSimultaneousRequests) {
  constexpr int kThreads = 8;
  Cache cache;
  std::mutex mutex;
  std::condition_variable changed;
  bool building = false, go_on = false;
  int calls = 0;
  const auto build = [&]() -> Result<KernelImage> {
    std::unique_lock lock(mutex);
    ++calls;
    building = true;
    changed.notify_all();
    changed.wait(lock, [&] { return go_on; });
    return sample_image();
  };

  std::vector<std::shared_ptr<const LoadedCode>> codes(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] { codes[t] = cache.get_or_build(key_of(1), build).value().code; });
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return building; });
  }
  // Another key must not wait for this one.
  CountedBuild other;
  EXPECT_TRUE(cache.get_or_build(key_of(2), other()).ok());
  {
    const std::scoped_lock lock(mutex);
    go_on = true;
  }
  changed.notify_all();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(calls, 1);
  for (const auto& code : codes) EXPECT_EQ(code, codes[0]);
  EXPECT_EQ(cache.stats().memory_hits, kThreads - 1);
  EXPECT_EQ(cache.stats().misses, 2);
}

TEST(MemoryCache, GivesAnErrorToAllWhoWaitAndForgetsIt) {
  Cache cache;
  std::atomic<int> calls{0};
  const auto fail = [&]() -> Result<KernelImage> {
    ++calls;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    return unsuitable("no luck");
  };
  std::atomic<int> refused{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      const auto found = cache.get_or_build(key_of(1), fail);
      refused += !found.ok() && found.error().message == "no luck" && found.error().kind == ErrorKind::unsuitable;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(refused, 4);
  CountedBuild build;
  EXPECT_TRUE(cache.get_or_build(key_of(1), build()).ok());
  EXPECT_EQ(build.calls, 1);
}

TEST(MemoryCache, SurvivesABuildThatThrows) {
  Cache cache;
  const auto found = cache.get_or_build(key_of(1), []() -> Result<KernelImage> { throw std::runtime_error("boom"); });
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().kind, ErrorKind::internal);
  EXPECT_THAT(found.error().message, HasSubstr("boom"));
  CountedBuild build;
  EXPECT_TRUE(cache.get_or_build(key_of(1), build()).ok()) << "nobody is left waiting";
}

TEST(MemoryCache, RefusesAnImageThatCannotBeMapped) {
  Cache cache;
  const auto found = cache.get_or_build(key_of(1), []() -> Result<KernelImage> {
    KernelImage image = sample_image();
    image.target = "riscv";
    return image;
  });
  ASSERT_FALSE(found.ok());
  EXPECT_THAT(found.error().message, HasSubstr("unknown target 'riscv'"));
}

// Keys come and go in many threads: nothing may be lost, built twice while in use, or kept for good.
TEST(MemoryCache, HoldsUpUnderManyThreadsAndKeys) {
  constexpr int kThreads = 4, kRounds = 300;
  Cache cache;
  std::atomic<int64_t> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < kRounds; ++i) {
        const uint64_t number = static_cast<uint64_t>((i * 7 + t) % 100);
        const std::string symbol = "k" + std::to_string(number);
        const auto found =
            cache.get_or_build(key_of(number), [&]() -> Result<KernelImage> { return sample_image(symbol); });
        wrong += !found.ok() || found->code->image.symbol != symbol;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  const CacheStats stats = cache.stats();
  EXPECT_EQ(stats.memory_hits + stats.misses, kThreads * kRounds);
}

}  // namespace
}  // namespace sparsmith

#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <chrono>

#include "bench/measure.h"

namespace sparsmith::bench {
namespace {

using Clock = std::chrono::steady_clock;

void spin(double us) {
  const auto start = Clock::now();
  while (std::chrono::duration<double, std::micro>(Clock::now() - start).count() < us) {
  }
}

TEST(Measure, FindsKnownTimesAndTheirOrder) {
  MeasureOptions options;
  options.budget_ms = 10;
  const auto timings = measure({{"ten", [] { spin(10); }}, {"forty", [] { spin(40); }}}, options);
  ASSERT_EQ(timings.size(), 2u);
  EXPECT_EQ(timings[0].name, "ten");
  // The minimum can't be below the work; the upper bounds leave room for a busy machine.
  EXPECT_GE(timings[0].ns_min, 10e3);
  EXPECT_LE(timings[0].ns_min, 30e3);
  EXPECT_GE(timings[1].ns_min, 40e3);
  EXPECT_LE(timings[1].ns_min, 120e3);
  for (const Timing& timing : timings) {
    EXPECT_GE(timing.ns_median, timing.ns_min);
    EXPECT_GE(timing.samples, options.min_samples);
    EXPECT_GE(static_cast<double>(timing.inner) * timing.ns_min, 0.9 * options.sample_us * 1e3);
  }
}

TEST(Measure, KeepsItsBudgetButTakesTheLeastSamples) {
  MeasureOptions options;
  options.budget_ms = 1;
  options.warm_up_ms = 0;
  options.min_samples = 4;
  int calls = 0;
  const auto timings = measure({{"slow", [&] { spin(2000), ++calls; }}}, options);
  EXPECT_EQ(timings[0].samples, 4);
  EXPECT_EQ(timings[0].inner, 1);
  EXPECT_LE(calls, 12);
}

TEST(Measure, CallsProgressAndCopesWithNobody) {
  MeasureOptions options;
  options.budget_ms = 1;
  options.max_samples = 3;
  int rounds = 0;
  options.progress = [&] { ++rounds; };
  measure({{"one", [] { spin(1); }}}, options);
  EXPECT_GE(rounds, 3);
  EXPECT_TRUE(measure({}, {}).empty());
}

TEST(PinnedThread, PinsAndRestores) {
  cpu_set_t before, during, after;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  {
    const PinnedThread pin;
    if (pin.cpu() < 0) GTEST_SKIP() << "this environment does not let a thread pin itself";
    ASSERT_EQ(sched_getaffinity(0, sizeof during, &during), 0);
    EXPECT_EQ(CPU_COUNT(&during), 1);
    EXPECT_TRUE(CPU_ISSET(pin.cpu(), &during));
  }
  ASSERT_EQ(sched_getaffinity(0, sizeof after, &after), 0);
  EXPECT_TRUE(CPU_EQUAL(&before, &after));
}

TEST(FmaPeak, IsWhatACoreCanDo) {
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
    EXPECT_EQ(fma_peak_gflops(2), 0);
    GTEST_SKIP() << "no AVX2 and FMA on this CPU";
  }
  const double peak = fma_peak_gflops(5);
  EXPECT_GT(peak, 5);
  EXPECT_LT(peak, 1000);  // 64 flops a cycle at 15 GHz
  EXPECT_GT(fma_peak_gflops(5, 8), 2.5);
}

TEST(Bandwidth, SmallFootprintsAreNotSlowerThanMemory) {
  if (!__builtin_cpu_supports("avx2")) GTEST_SKIP() << "no AVX2 on this CPU";
  const double near = read_bandwidth(16 << 10), far = read_bandwidth(64 << 20);
  EXPECT_GT(far, 0.1);
  EXPECT_GT(near, far);
  EXPECT_GT(write_bandwidth(16 << 10), 0.1);
}

TEST(Roofline, BoundIsTheLargerTime) {
  if (!__builtin_cpu_supports("avx2")) GTEST_SKIP() << "no AVX2 on this CPU";
  const Roofline dense = roofline(2 * 64 * 64 * 64, 2 * 64 * 64, 64 * 64, 100);
  EXPECT_DOUBLE_EQ(dense.fma_ns, 2.0 * 64 * 64 * 64 / 100);
  EXPECT_EQ(dense.bound_ns(), std::max(dense.fma_ns, dense.traffic_ns));
  const Roofline sparse = roofline(2 * 64 * 1024, 4096 * 1024, 64 * 1024, 100);
  EXPECT_EQ(sparse.bound_ns(), sparse.traffic_ns);
}

TEST(CpuName, IsKnownOnLinux) { EXPECT_FALSE(cpu_name().empty()); }

}  // namespace
}  // namespace sparsmith::bench

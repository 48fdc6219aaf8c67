// Decisions made by measuring, and where they are kept.
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>

#include "tests/correctness/layer_case.h"

namespace sparsmith {
namespace {

using testing::LayerCase;

class Tuning : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto host = Target::host(); !host.ok()) GTEST_SKIP() << host.error().message;
    std::filesystem::remove_all(directory_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  // As a new process would: nothing but the directory is the same.
  Result<Kernel> compile_anew(bool tune = true, int64_t network_code_bytes = 0,
                              std::shared_ptr<const MachineCosts> machine = nullptr) {
    CompileOptions options;
    options.tune = tune;
    options.network_code_bytes = network_code_bytes;
    options.machine = std::move(machine);
    options.cache = std::make_shared<Cache>(CacheOptions{.directory = directory_, .warn = {}});
    options.tune_ms = 5;
    return compile(weights_, problem_, {}, options);
  }

  const LayerCase layer_{.m = 60, .k = 80, .density = 0.2};
  const Weights weights_ = make_weights(layer_);
  Problem problem_;
  const std::string directory_ =
      (std::filesystem::path(::testing::TempDir()) / ("tuning" + std::to_string(getpid()))).string();
};

TEST_F(Tuning, IsDoneOnceForALayerAndKeptOnDisk) {
  const auto first = compile_anew();
  ASSERT_TRUE(first.ok()) << first.error().message;
  EXPECT_TRUE(first->plan().tuned);
  EXPECT_GT(first->report().tune_ns, 0);
  const auto second = compile_anew();
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(second->report().source, BuildReport::Source::disk_cache);
  EXPECT_EQ(second->report().tune_ns, 0);
  EXPECT_TRUE(second->plan().tuned);
  EXPECT_EQ(second->plan().chosen, first->plan().chosen);
  EXPECT_EQ(second->plan().candidates.front().measured_ns, first->plan().candidates.front().measured_ns);

  const auto entries = Cache(CacheOptions{.directory = directory_, .warn = {}}).list();
  ASSERT_TRUE(entries.ok());
  EXPECT_EQ(entries->size(), 1u);
}

TEST_F(Tuning, IsAnotherDecisionThanThatOfTheModelOrOfANetwork) {
  ASSERT_TRUE(compile_anew().ok());
  const auto untuned = compile_anew(false);
  ASSERT_TRUE(untuned.ok());
  EXPECT_EQ(untuned->report().source, BuildReport::Source::built);
  EXPECT_FALSE(untuned->plan().tuned);
  for (const int64_t network : {int64_t{1} << 24, int64_t{1} << 40}) {  // pushed to L3, and to memory
    const auto cold = compile_anew(true, network);
    ASSERT_TRUE(cold.ok());
    EXPECT_EQ(cold->report().source, BuildReport::Source::built);
    EXPECT_TRUE(cold->plan().tuned);
    EXPECT_TRUE(testing::check_kernel(*cold, weights_, {}, {.n = 33}, 2, 1));
  }
}

TEST_F(Tuning, CalibrationFitsEveryCostAndLaterCompilesUseIt) {
  const Target host = *Target::host();
  int steps = 0;
  const auto costs = calibrate(host, {.budget_ms = 1, .progress = [&](std::string_view) { ++steps; }});
  ASSERT_TRUE(costs.ok()) << costs.error().message;
  EXPECT_GT(steps, 5);
  EXPECT_EQ(costs->cpu, host_cpu());
  EXPECT_GT(costs->ns.size(), 15u);
  for (const auto& [name, ns] : costs->ns) {
    EXPECT_GT(ns, 0) << name;
    EXPECT_LT(ns, 1000) << name;
  }

  const auto before = compile_anew(false);
  ASSERT_TRUE(before.ok());
  MachineCosts slow = *costs;
  for (auto& [name, ns] : slow.ns) ns *= 1000;
  ASSERT_TRUE(Cache(CacheOptions{.directory = directory_, .warn = {}}).store_machine_costs(slow).ok());
  const auto after = compile_anew(false);
  ASSERT_TRUE(after.ok());
  EXPECT_EQ(after->report().source, BuildReport::Source::built) << "a plan made with other costs was taken";
  EXPECT_GT(after->plan().candidates.front().predicted_ns, 100 * before->plan().candidates.front().predicted_ns);
  const auto given = compile_anew(false, 0, std::make_shared<const MachineCosts>(*costs));
  ASSERT_TRUE(given.ok());
  EXPECT_LT(given->plan().candidates.front().predicted_ns, after->plan().candidates.front().predicted_ns / 100);
}

}  // namespace
}  // namespace sparsmith

// The planner: legal candidates, dense among them, tilings that are partitions, and choices that follow what they
// should.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>

#include "plan/candidates.h"
#include "plan/cost_model.h"
#include "plan/tiling.h"
#include "sparsmith/plan.h"
#include "sparsmith/weights.h"

namespace sparsmith {
namespace {

Pattern random_pattern(int64_t m, int64_t k, double density, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> uniform;
  std::vector<int64_t> offsets{0};
  std::vector<int32_t> columns;
  for (int64_t row = 0; row < m; ++row) {
    for (int64_t column = 0; column < k; ++column) {
      if (uniform(random) < density) columns.push_back(static_cast<int32_t>(column));
    }
    offsets.push_back(static_cast<int64_t>(columns.size()));
  }
  return *Pattern::create(m, k, offsets, columns);
}

TEST(Tiling, IsABalancedPartitionOfTheRows) {
  for (const int64_t m : {1, 5, 31, 32, 64, 255}) {
    for (const double density : {0.0, 0.05, 0.5, 1.0}) {
      for (const bool cluster : {false, true}) {
        const Tiling tiling = make_tiling(random_pattern(m, 40, density, 1), 31, cluster);
        ASSERT_EQ(static_cast<int64_t>(tiling.tiles.size()), (m + 30) / 31);
        std::vector<int32_t> rows;
        size_t least = 31, most = 0;
        for (const auto& tile : tiling.tiles) {
          rows.insert(rows.end(), tile.begin(), tile.end());
          least = std::min(least, tile.size());
          most = std::max(most, tile.size());
        }
        EXPECT_LE(most - least, 1u);
        std::sort(rows.begin(), rows.end());
        for (int64_t row = 0; row < m; ++row) ASSERT_EQ(rows[static_cast<size_t>(row)], row);
      }
    }
  }
}

/// Rows alternate between two disjoint sets of 50 columns: in order every tile uses all of them, clustered only half.
Pattern alternating_pattern(int64_t m) {
  std::vector<int64_t> offsets{0};
  std::vector<int32_t> columns;
  for (int64_t row = 0; row < m; ++row) {
    for (int column = 0; column < 50; ++column) columns.push_back(static_cast<int32_t>(row % 2 * 50 + column));
    offsets.push_back(static_cast<int64_t>(columns.size()));
  }
  return *Pattern::create(m, 100, offsets, columns);
}

TEST(Tiling, ClusteringFindsRowsThatShareColumns) {
  const Pattern pattern = alternating_pattern(62);
  EXPECT_EQ(make_tiling(pattern, 31, false).x_loads, 200);
  EXPECT_EQ(make_tiling(pattern, 31, true).x_loads, 100);
}

TEST(Tiling, ManyRowsAreClusteredInBands) {
  for (const int64_t m : {4123, 4154, 9000, 12400}) {
    const Tiling tiling = make_tiling(alternating_pattern(m), 31, true);
    const int64_t tiles = (m + 30) / 31, bands = (tiles + 132) / 133;
    ASSERT_EQ(static_cast<int64_t>(tiling.tiles.size()), tiles);
    // Only the tile in which a band runs out of rows of one kind uses both sets.
    EXPECT_LE(tiling.x_loads, 50 * tiles + 50 * bands) << m;
    std::vector<bool> seen(static_cast<size_t>(m));
    for (const auto& tile : tiling.tiles) {
      EXPECT_TRUE(static_cast<int64_t>(tile.size()) == m / tiles || static_cast<int64_t>(tile.size()) == m / tiles + 1);
      for (const int32_t row : tile) {
        EXPECT_FALSE(seen[static_cast<size_t>(row)]) << row;
        seen[static_cast<size_t>(row)] = true;
      }
    }
    EXPECT_EQ(std::count(seen.begin(), seen.end(), true), m);
  }
}

TEST(Plan, AlwaysConsidersDenseAndOrdersByPrediction) {
  for (const char* target : {"x86-64-v3", "x86-64-v4"}) {
    Problem problem;
    problem.n = 192;
    auto plan = make_plan(random_pattern(128, 256, 0.1, 2), problem, *Target::parse(target));
    ASSERT_TRUE(plan.ok());
    const auto is_dense = [](const Candidate& c) { return c.schedule.form == Form::dense; };
    EXPECT_TRUE(std::any_of(plan->candidates.begin(), plan->candidates.end(), is_dense));
    EXPECT_EQ(plan->chosen, plan->candidates.front().schedule);
    EXPECT_TRUE(std::is_sorted(plan->candidates.begin(), plan->candidates.end(),
                               [](const auto& a, const auto& b) { return a.predicted_ns < b.predicted_ns; }));
    EXPECT_FALSE(plan->reason.empty());
    for (const Candidate& candidate : plan->candidates) {
      EXPECT_TRUE(
          check_schedule(candidate.schedule, random_pattern(128, 256, 0.1, 2), problem, *Target::parse(target)).ok())
          << candidate.schedule.describe();
    }
  }
}

TEST(Plan, SparseAt90PercentDenseWhenNothingIsPruned) {
  Problem problem;
  problem.n = 192;
  const Target target = *Target::parse("x86-64-v4");
  EXPECT_EQ(make_plan(random_pattern(256, 256, 0.1, 3), problem, target)->chosen.form, Form::sparse);
  EXPECT_EQ(make_plan(random_pattern(256, 256, 1.0, 3), problem, target)->chosen.form, Form::dense);
}

TEST(Plan, CompactIsWeighedAndAloneBeyondTheCodeBudget) {
  Problem problem;
  problem.n = 192;
  for (const auto& [name, most] : {std::pair{"x86-64-v3", 6}, std::pair{"x86-64-v4", 16}}) {
    const Target target = *Target::parse(name);
    const auto is = [](Form form) { return [form](const Candidate& c) { return c.schedule.form == form; }; };
    const auto plan = make_plan(random_pattern(128, 256, 0.1, 2), problem, target);
    ASSERT_TRUE(plan.ok());
    EXPECT_TRUE(std::ranges::any_of(plan->candidates, is(Form::compact)));
    EXPECT_EQ(plan->reason.find("larger than"), std::string::npos) << plan->reason;

    // 4 million nonzeros take 28 MB at the least.
    const int64_t rows = 2000, columns = 100'000, per_row = 2000;
    std::vector<int64_t> offsets;
    std::vector<int32_t> all;
    for (int64_t r = 0; r < rows; ++r) {
      offsets.push_back(r * per_row);
      for (int64_t i = 0; i < per_row; ++i) all.push_back(static_cast<int32_t>(i * 50 + r % 50));
    }
    offsets.push_back(rows * per_row);
    const Pattern large = *Pattern::create(rows, columns, std::move(offsets), std::move(all));
    const auto large_plan = make_plan(large, problem, target);
    ASSERT_TRUE(large_plan.ok());
    EXPECT_TRUE(std::ranges::none_of(large_plan->candidates, is(Form::sparse)));
    EXPECT_TRUE(std::ranges::any_of(large_plan->candidates, is(Form::dense)));
    EXPECT_EQ(large_plan->chosen.form, Form::compact);
    EXPECT_LE(large_plan->chosen.panels_per_pass, most);
    EXPECT_NE(large_plan->reason.find("larger than 24 MB"), std::string::npos) << large_plan->reason;
    EXPECT_NE(large_plan->chosen.describe().find("compact"), std::string::npos);
  }
}

TEST(Plan, JsonHasEveryCandidateAndTheChoice) {
  Problem problem;
  problem.n = 64;
  auto plan = make_plan(random_pattern(64, 64, 0.1, 4), problem, *Target::parse("x86-64-v4"));
  ASSERT_TRUE(plan.ok());
  const auto json = nlohmann::json::parse(explain_json(*plan));
  EXPECT_EQ(json.at("candidates").size(), plan->candidates.size());
  EXPECT_NE(explain(*plan).find(plan->chosen.describe()), std::string::npos);
}

TEST(Plan, ImpossibleProblemsAreRefused) {
  const Target target = *Target::parse("x86-64-v4");
  const auto message = [&](const Pattern& pattern, const Problem& problem) {
    auto plan = make_plan(pattern, problem, target);
    return plan.ok() ? "a plan" : plan.error().message;
  };
  const Pattern pattern = random_pattern(4, 4, 0.5, 5);
  Problem problem;
  problem.n = kMaxColumns + 1;
  EXPECT_NE(message(pattern, problem).find("at most 1099511627776 columns"), std::string::npos);
  problem.n = 0;
  problem.conv = Conv2d{4, 4, 0, 1};
  EXPECT_NE(message(pattern, problem).find("stride 0,1"), std::string::npos);
  problem.conv = Conv2d{4, 4, 1, INT64_MAX};
  EXPECT_NE(message(pattern, problem).find("stride 1,9223372036854775807"), std::string::npos);
  problem.conv = Conv2d{1 << 20, 1 << 20};
  EXPECT_NE(message(pattern, problem).find("1048576x1048576"), std::string::npos);
  const int64_t rows = kMaxRows + 1;
  const Pattern tall = *Pattern::create(rows, 1, std::vector<int64_t>(static_cast<size_t>(rows) + 1, 0), {});
  EXPECT_NE(message(tall, {}).find("16777217 rows"), std::string::npos);
}

TEST(Plan, NegativeNIsRefused) {
  Problem problem;
  problem.n = -1;
  auto plan = make_plan(random_pattern(4, 4, 0.5, 5), problem, *Target::parse("x86-64-v4"));
  ASSERT_FALSE(plan.ok());
  EXPECT_NE(plan.error().message.find("-1"), std::string::npos);
}

TEST(Schedule, OutOfRegistersIsRefusedWithTheNumber) {
  const Pattern pattern = random_pattern(64, 64, 0.5, 6);
  const Target v3 = *Target::parse("x86-64-v3");
  const Status status = check_schedule({Form::sparse, 31, 1, 0, 0, true}, pattern, {}, v3);
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.error().message.find("1 to 6"), std::string::npos) << status.error().message;
}

TEST(MakePlan, WhatANetworkPushesOutOfTheCachesCountsByItsBytes) {
  const Target target = *Target::parse("x86-64-v4");
  const Pattern pattern = random_pattern(256, 512, 0.1, 6);
  Problem problem;
  problem.n = 16;
  const auto best_of_both = [&](int64_t network) {
    const auto plan = make_plan(pattern, problem, target, {network});
    double sparse = 0, dense = 0;
    for (const Candidate& candidate : plan->candidates) {
      double& best = candidate.schedule.form == Form::dense ? dense : sparse;
      if (best == 0 || candidate.predicted_ns < best) best = candidate.predicted_ns;
    }
    return std::pair(sparse, dense);
  };
  const auto alone = best_of_both(0), small = best_of_both(1000), large = best_of_both(int64_t{1} << 40);
  EXPECT_EQ(alone, small);
  EXPECT_GT(large.first, alone.first);
  EXPECT_GT(large.second, alone.second);
  EXPECT_FALSE(make_plan(pattern, problem, target, {-1}).ok());
}

}  // namespace
}  // namespace sparsmith

// The planner: legal candidates, dense among them, tilings that are partitions, and choices that follow what they should.
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

TEST(Tiling, ClusteringFindsRowsThatShareColumns) {
  // Rows alternate between two disjoint sets of columns: in order every tile uses all of them, clustered only half.
  std::vector<int64_t> offsets{0};
  std::vector<int32_t> columns;
  for (int row = 0; row < 62; ++row) {
    for (int column = 0; column < 50; ++column) columns.push_back(row % 2 * 50 + column);
    offsets.push_back(static_cast<int64_t>(columns.size()));
  }
  const Pattern pattern = *Pattern::create(62, 100, offsets, columns);
  EXPECT_EQ(make_tiling(pattern, 31, false).x_loads, 200);
  EXPECT_EQ(make_tiling(pattern, 31, true).x_loads, 100);
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
    EXPECT_TRUE(std::is_sorted(plan->candidates.begin(), plan->candidates.end(), [](const auto& a, const auto& b) {
      return a.predicted_ns < b.predicted_ns;
    }));
    EXPECT_FALSE(plan->reason.empty());
    for (const Candidate& candidate : plan->candidates) {
      EXPECT_TRUE(check_schedule(candidate.schedule, random_pattern(128, 256, 0.1, 2), problem, *Target::parse(target)).ok())
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

TEST(Plan, JsonHasEveryCandidateAndTheChoice) {
  Problem problem;
  problem.n = 64;
  auto plan = make_plan(random_pattern(64, 64, 0.1, 4), problem, *Target::parse("x86-64-v4"));
  ASSERT_TRUE(plan.ok());
  const auto json = nlohmann::json::parse(explain_json(*plan));
  EXPECT_EQ(json.at("candidates").size(), plan->candidates.size());
  EXPECT_NE(explain(*plan).find(plan->chosen.describe()), std::string::npos);
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

}  // namespace
}  // namespace sparsmith

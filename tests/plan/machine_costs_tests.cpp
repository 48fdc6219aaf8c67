// Measured costs in the model: every constant has a name, predictions are linear in them, fits find them again.
#include <gtest/gtest.h>

#include <random>

#include "plan/candidates.h"
#include "plan/least_squares.h"
#include "plan/machine_costs.h"
#include "plan/tiling.h"
#include "sparsmith/weights.h"

namespace sparsmith {
namespace {

const Target kTarget = *Target::parse("x86-64-v4");

TEST(MachineCosts, EveryConstantHasAName) {
  // All doubles but y_prefetched, which is a factor and no cost; before them the instruction set, behind them the caches.
  const size_t doubles = (sizeof(MachineModel) - alignof(double) - 4 * sizeof(int64_t)) / sizeof(double);
  EXPECT_EQ(named_costs().size() + 1, doubles);
  const MachineModel model = machine_model(kTarget);
  for (const NamedCost& cost : named_costs()) EXPECT_GT(model.*cost.cost, 0) << cost.name;
  for (size_t i = 1; i < named_costs().size(); ++i) {
    EXPECT_LT(std::string(named_costs()[i - 1].name), named_costs()[i].name);
  }
}

TEST(MachineCosts, PredictionsAreSumsOfCostsTimesTerms) {
  const std::vector<float> ones(64 * 300, 1.0f);
  const auto weights = Weights::from_dense({ones.data(), 64, 300, 300});
  const MachineModel model = machine_model(kTarget);
  for (const Layout layout : {Layout::panel, Layout::plain}) {
    for (const int64_t network : {int64_t{0}, int64_t{1} << 24, int64_t{1} << 40}) {
      Problem problem;
      problem.x_layout = layout;
      problem.y_layout = Layout::panel;
      problem.n = 1000;
      for (const Schedule& schedule : candidate_schedules(weights->pattern(), 63, problem, kTarget, network)) {
        Work work{.m = 64, .k = 300, .nnz = 64 * 300, .n = 1000, .panels = 63, .tiles = 3, .x_loads = 900};
        work.network_bytes = network;
        const auto terms = cost_terms(schedule, problem, work, model);
        double sum = 0;
        for (size_t i = 0; i < terms.size(); ++i) sum += terms[i] * model.*named_costs()[i].cost;
        const double predicted = predict_ns(schedule, problem, work, model);
        ASSERT_NEAR(sum, predicted, 1e-9 * predicted) << schedule.describe();
      }
    }
  }
}

TEST(MachineCosts, ThoseMeasuredReplaceAndTheOthersScale) {
  const MachineModel before = machine_model(kTarget);
  MachineModel model = before;
  apply_costs({"", Isa::avx2, {{"fma", 1}}, 0}, Isa::avx512, model);
  EXPECT_EQ(model.fma, before.fma);
  apply_costs({"", Isa::avx512, {{"fma", 2 * before.fma}, {"of_the_future", 9}, {"x_l1", 0.5}}, 0}, Isa::avx512, model);
  EXPECT_EQ(model.fma, 2 * before.fma);
  EXPECT_EQ(model.x_l1, 0.5);
  EXPECT_EQ(model.x_l2, 2 * before.x_l2);
  EXPECT_EQ(model.l2_bytes, before.l2_bytes);
}

TEST(FitFactors, FindsWhatRowsSayAndKeepsWhatTheyDoNot) {
  std::mt19937 random(3);
  std::uniform_real_distribution<double> uniform(0.01, 1);
  const std::vector<double> truth{0.5, 2, 1.25};
  std::vector<std::vector<double>> rows;
  for (int i = 0; i < 2000; ++i) {
    std::vector<double> row{uniform(random), uniform(random), uniform(random), 0};
    double sum = 0;
    for (size_t j = 0; j < truth.size(); ++j) sum += row[j] * truth[j];
    for (double& term : row) term /= sum;
    rows.push_back(std::move(row));
  }
  const auto found = fit_factors(rows, 0.1);
  ASSERT_EQ(found.size(), 4u);
  for (size_t j = 0; j < truth.size(); ++j) EXPECT_NEAR(found[j], truth[j], 0.02) << j;
  EXPECT_NEAR(found[3], 1, 1e-6);
  // A cost that could only be negative is nothing.
  EXPECT_EQ(fit_factors({{2, 1}, {1, 0}, {1, 0}, {1, 0}}, 1e-6)[1], 0);
  EXPECT_TRUE(fit_factors({}, 1).empty());
}

}  // namespace
}  // namespace sparsmith

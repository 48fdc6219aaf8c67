// fuse(): what it refuses and in which words, what it says of itself, and what a refused call leaves alone.
#include "sparsmith/fused.h"

#include <gmock/gmock.h>

#include "runtime/kernel_impl.h"
#include "sparsmith/strip.h"
#include "sparsmith/target.h"
#include "tests/runtime/call_buffers.h"
#include "tests/runtime/fake_code.h"

namespace sparsmith {
namespace {

using ::testing::HasSubstr;

class FusedTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto v3 = Target::parse("x86-64-v3"); !v3.ok() || !v3->missing_on_host().empty()) {
      GTEST_SKIP() << "this CPU can't run x86-64-v3 code";
    }
    first_.conv = Conv2d{.height = 30, .width = 31, .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1};
    first_.conv->kernel_h = first_.conv->kernel_w = 3;
    first_.conv->groups = 6;
    first_.x_layout = first_.y_layout = second_.x_layout = second_.y_layout = Layout::panel;
  }

  Kernel kernel(const Problem& problem, int64_t m, int64_t k, const Schedule& schedule = {.tile_rows = 4}) {
    const Weights weights = testing::random_weights(m, k, 0.5, 1);
    codes_.push_back(std::make_unique<testing::FakeCode>(weights, problem, schedule));
    auto code = load_code(codes_.back()->image());
    return std::move(make_kernel(*code, problem, weights, {}, {}).value());
  }
  Kernel first() { return kernel(first_, 6, 9); }
  Kernel second(int64_t k = 6) { return kernel(second_, 11, k); }

  std::string refusal(Kernel first, Kernel second, const FuseOptions& options = {}) {
    const Result<FusedKernel> pair = fuse(std::move(first), std::move(second), options);
    return pair.ok() ? "" : pair.error().message;
  }

  Problem first_, second_;
  std::vector<std::unique_ptr<testing::FakeCode>> codes_;
};

TEST_F(FusedTest, RefusesWhatDoesNotFitAndSaysWhy) {
  EXPECT_EQ(refusal(first(), second()), "");
  EXPECT_THAT(refusal(second(), second()), HasSubstr("the first kernel, sparsmith_fake, computes a product"));
  EXPECT_THAT(refusal(first(), first()), HasSubstr("the second kernel, sparsmith_fake, computes a spatial"));
  EXPECT_THAT(refusal(first(), second(7)), HasSubstr("has 7 input channels, but the first one, 6 x 9, writes 6"));
  EXPECT_THAT(refusal(first(), second(), {.block_positions = -2}), HasSubstr("block_positions = -2"));
  Problem problem = first_;
  problem.y_layout = Layout::plain;
  EXPECT_THAT(refusal(kernel(problem, 6, 9), second()), HasSubstr("writes NCHW"));
  problem = first_;
  problem.epilogue.accumulate = true;
  EXPECT_THAT(refusal(kernel(problem, 6, 9), second()), HasSubstr("accumulates on its old Y"));
  problem = first_;
  problem.epilogue.residual = Residual::before_activation;
  EXPECT_THAT(refusal(kernel(problem, 6, 9), second()), HasSubstr("adds a residual"));
  problem = second_;
  problem.x_layout = Layout::plain;
  EXPECT_THAT(refusal(first(), kernel(problem, 11, 6)), HasSubstr("reads plain rows"));
  problem = second_;
  problem.n_fixed = true;
  problem.n = 96;
  EXPECT_THAT(refusal(first(), kernel(problem, 11, 6)), HasSubstr("was compiled for N = 96 only"));
  problem = second_;
  problem.conv = Conv2d{.height = 30, .width = 31, .stride_h = 2, .stride_w = 1};
  EXPECT_THAT(refusal(first(), kernel(problem, 11, 6)), HasSubstr("has stride 2 x 1; it must be 1"));
  problem.conv = Conv2d{.height = 31, .width = 30};
  EXPECT_THAT(refusal(first(), kernel(problem, 11, 6)),
              HasSubstr("made for images of 31 x 30, but the first one writes 30 x 31"));
  problem.conv = Conv2d{.height = 30, .width = 31};
  EXPECT_EQ(refusal(first(), kernel(problem, 11, 6)), "");
  EXPECT_THAT(refusal(first(), kernel(second_, 11, 6, {.form = Form::vector})), HasSubstr("fewer than 16 at once"));
}

TEST_F(FusedTest, RefusedKernelsStayTheCallers) {
  Kernel spatial = first(), product = second(7);
  ASSERT_FALSE(fuse(std::move(spatial), std::move(product)).ok());
  EXPECT_EQ(spatial.m(), 6);
  EXPECT_EQ(product.k(), 7);
}

TEST_F(FusedTest, ACallsMistakesAreNamed) {
  const FusedKernel pair = std::move(fuse(first(), second()).value());
  const StripShape strips = strip_shape(*first_.conv);
  std::vector<float> x(static_cast<size_t>(strips.x_floats(6))), y(static_cast<size_t>(strips.y_floats(11)), 1.0f);
  const RunArgs good{.x = x.data(), .y = y.data()};
  const auto message = [&](const RunArgs& args) {
    const Status ran = pair.run(args);
    return ran.ok() ? "" : ran.error().message;
  };
  RunArgs args = good;
  args.x = nullptr;
  EXPECT_THAT(message(args), HasSubstr("X is a null pointer"));
  args = good;
  args.batch = 0;
  EXPECT_THAT(message(args), HasSubstr("batch = 0"));
  args = good;
  args.threads = 0;
  EXPECT_THAT(message(args), HasSubstr("threads = 0"));
  args = good;
  args.residual = x.data();
  EXPECT_THAT(message(args), HasSubstr("adds none"));
  args = good;
  args.y = x.data();
  EXPECT_THAT(message(args), HasSubstr("overlap"));
  for (const float value : y) ASSERT_EQ(value, 1.0f);
  EXPECT_EQ(message(good), "");
}

TEST_F(FusedTest, SaysHowItComputes) {
  const FusedKernel automatic = std::move(fuse(first(), second()).value());
  EXPECT_EQ(automatic.plan().block_positions, 0) << "some KB";
  EXPECT_THAT(automatic.explain(), HasSubstr("one after the other: the "));
  EXPECT_THAT(automatic.explain(), HasSubstr("sparsmith_fake, 11 x 6"));
  EXPECT_GT(automatic.plan(1000).block_positions, 0) << "some MB";
  const FusedKernel asked =
      std::move(fuse(first(), second(), {.way = FuseOptions::Way::fused, .block_positions = 5}).value());
  EXPECT_EQ(asked.plan().block_positions, 5);
  EXPECT_THAT(asked.explain(), HasSubstr("fused in blocks of 5 of 60 positions: as asked for"));
  EXPECT_EQ(asked.first().m(), 6);
  EXPECT_EQ(asked.pointwise().m(), 11);
}

TEST_F(FusedTest, NewValuesReachTheNextCall) {
  FusedKernel pair = std::move(fuse(first(), second(), {.way = FuseOptions::Way::fused}).value());
  const StripShape strips = strip_shape(*first_.conv);
  std::vector<float> x(static_cast<size_t>(strips.x_floats(6)), 1.0f), y(static_cast<size_t>(strips.y_floats(11)));
  const RunArgs args{.x = x.data(), .y = y.data()};
  ASSERT_TRUE(pair.run(args).ok());
  const std::vector<float> before = y;
  const Weights old = testing::random_weights(11, 6, 0.5, 1);
  std::vector<float> doubled(old.values().begin(), old.values().end());
  for (float& value : doubled) value *= 2;
  const Pattern pattern = old.pattern();
  ASSERT_TRUE(pair.pointwise().update_values(Weights::create(pattern, doubled).value()).ok());
  ASSERT_TRUE(pair.run(args).ok());
  for (size_t i = 0; i < y.size(); ++i) ASSERT_EQ(y[i], 2 * before[i]);
}

}  // namespace
}  // namespace sparsmith

// Every wrong call of Kernel::run gets a sentence with the wrong number in it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/operands.h"

namespace sparsmith {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr int64_t kM = 4, kK = 6, kN = 10;

class CallErrors : public ::testing::Test {
 protected:
  // The message of the refusal, or "" when the call is accepted.
  std::string message(const RunArgs& args) const {
    const Result<Operands> operands = check_run_args(kM, kK, problem_, args);
    if (operands.ok()) return {};
    EXPECT_EQ(operands.error().kind, ErrorKind::bad_input);
    return operands.error().message;
  }

  std::vector<float> memory_ = std::vector<float>(4096);
  float* const x_ = memory_.data();
  float* const y_ = memory_.data() + 2048;
  float* const residual_ = memory_.data() + 3072;
  Problem problem_;
  RunArgs args_{.x = x_, .y = y_, .n = kN};
};

TEST_F(CallErrors, ACorrectCallIsAccepted) { EXPECT_EQ(message(args_), ""); }

TEST_F(CallErrors, NullPointers) {
  EXPECT_THAT(message({.y = y_, .n = kN}), HasSubstr("X is a null pointer"));
  EXPECT_THAT(message({.x = x_, .n = kN}), HasSubstr("Y is a null pointer"));
}

TEST_F(CallErrors, NoColumns) {
  args_.n = 0;
  EXPECT_THAT(message(args_), HasSubstr("N = 0: a call needs at least 1 column"));
  args_.n = -3;
  EXPECT_THAT(message(args_), HasSubstr("N = -3"));
}

TEST_F(CallErrors, LeadingDimensionsBelowN) {
  args_.ldx = 9;
  EXPECT_THAT(message(args_), HasSubstr("ldx = 9 is less than N = 10"));
  args_.ldx = -1;
  EXPECT_THAT(message(args_), HasSubstr("ldx = -1"));
  args_.ldx = 10;
  args_.ldy = 3;
  EXPECT_THAT(message(args_), HasSubstr("ldy = 3 is less than N = 10"));
  args_.ldy = 11;
  EXPECT_EQ(message(args_), "");
  problem_.epilogue.residual = Residual::before_activation;
  args_.residual = residual_;
  args_.ld_residual = 1;
  EXPECT_THAT(message(args_), HasSubstr("ld_residual = 1 is less than N = 10"));
}

TEST_F(CallErrors, AnotherNThanTheFixedOne) {
  problem_.n = 16;
  problem_.n_fixed = true;
  EXPECT_THAT(message(args_), AllOf(HasSubstr("N = 10"), HasSubstr("compiled for N = 16 only")));
  args_.n = 16;
  EXPECT_EQ(message(args_), "");
  args_.ldx = 17;
  EXPECT_THAT(message(args_), AllOf(HasSubstr("ldx = 17"), HasSubstr("rows of 16 floats without gaps")));
}

TEST_F(CallErrors, NoImages) {
  problem_.conv = Conv2d{3, 3, 1, 1};
  args_.batch = 0;
  EXPECT_THAT(message(args_), HasSubstr("batch = 0: a call needs at least 1 image"));
  args_.batch = 2;
  args_.n = 0;  // a plain convolution ignores it
  EXPECT_EQ(message(args_), "");
}

TEST_F(CallErrors, NoThreads) {
  args_.threads = 0;
  EXPECT_THAT(message(args_), HasSubstr("threads = 0"));
}

TEST_F(CallErrors, ResidualMissingOrUnexpected) {
  args_.residual = residual_;
  EXPECT_THAT(message(args_), HasSubstr("a residual was passed, but this kernel's epilogue adds none"));
  problem_.epilogue.residual = Residual::after_activation;
  EXPECT_EQ(message(args_), "");
  args_.residual = nullptr;
  EXPECT_THAT(message(args_), HasSubstr("the residual is a null pointer"));
}

TEST_F(CallErrors, OverlappingXAndY) {
  args_.y = x_;
  EXPECT_THAT(message(args_), AllOf(HasSubstr("X (240 bytes)"), HasSubstr("Y (160 bytes, 0 bytes from it) overlap")));
  args_.y = x_ + kK * kN - 1;
  EXPECT_THAT(message(args_), HasSubstr("overlap"));
  args_.y = x_ + kK * kN;
  EXPECT_EQ(message(args_), "");
  args_.x = x_ + kM * kN - 1;
  args_.y = x_;
  EXPECT_THAT(message(args_), HasSubstr("overlap"));
  args_.x = x_ + kM * kN;
  EXPECT_EQ(message(args_), "");
}

TEST_F(CallErrors, ColumnRangesOfOneMatrixDoNotOverlap) {
  args_.ldx = args_.ldy = 25;
  args_.y = x_ + 10;
  EXPECT_EQ(message(args_), "");
  args_.y = x_ + 15 + 25;
  EXPECT_EQ(message(args_), "");
  args_.y = x_ + 9;
  EXPECT_THAT(message(args_), HasSubstr("overlap"));
  args_.y = x_ + 16;  // its rows end in the next rows of X
  EXPECT_THAT(message(args_), HasSubstr("overlap"));
  args_.x = x_ + 12;
  args_.y = x_;
  EXPECT_EQ(message(args_), "");
}

TEST_F(CallErrors, PanelsOverlapByTheirWholeSize) {
  problem_.x_layout = problem_.y_layout = Layout::panel;
  args_.y = x_ + kK * 16 - 1;
  EXPECT_THAT(message(args_), HasSubstr("X (384 bytes)"));
  args_.y = x_ + kK * 16;
  EXPECT_EQ(message(args_), "");
}

TEST_F(CallErrors, PanelsInRunsThatCannotBe) {
  problem_.x_layout = problem_.y_layout = Layout::panel;
  std::vector<float> y(4096);
  args_.y = y.data();
  args_.n = 6 * 16;
  const auto runs = [&](const PanelRuns& given) {
    args_.y_runs = given;
    return message(args_);
  };
  EXPECT_EQ(runs({.run = 3, .pitch = 5}), "");
  EXPECT_EQ(runs({.run = 1, .pitch = 2, .image_runs = 3, .image_pitch = 5}), "");
  EXPECT_THAT(runs({.run = -1}), HasSubstr("none of these may be negative"));
  EXPECT_THAT(runs({.run = 3, .pitch = -3}), HasSubstr("none of these may be negative"));
  EXPECT_THAT(runs({.pitch = 3}), HasSubstr("the panels of Y have a pitch or images, but no length of a run"));
  EXPECT_THAT(runs({.run = 3, .pitch = 2}), HasSubstr("overlap: runs of 3 begin every 2"));
  EXPECT_THAT(runs({.run = 3, .pitch = 3, .image_pitch = 9}), HasSubstr("no number of runs"));
  EXPECT_THAT(runs({.run = 4, .pitch = 4}), HasSubstr("6 panels of Y can't be divided into runs of 4"));
  EXPECT_THAT(runs({.run = 3, .pitch = 3, .image_runs = 4, .image_pitch = 12}), HasSubstr("images of 4 runs of 3"));
  EXPECT_THAT(runs({.run = 1, .pitch = 2, .image_runs = 3, .image_pitch = 4}), HasSubstr("images begin every 4"));
  EXPECT_THAT(runs({.run = 1, .pitch = int64_t{1} << 60}), HasSubstr("takes more than 2^46 bytes"));
  EXPECT_THAT(runs({.run = 1, .pitch = 1, .image_runs = INT64_MAX, .image_pitch = INT64_MAX}), HasSubstr("divided"));
  EXPECT_THAT(runs({.run = 1, .pitch = 1, .image_runs = 1, .image_pitch = INT64_MAX}), HasSubstr("2^46 bytes"));
}

TEST_F(CallErrors, RunsWhereThereAreNoPanels) {
  args_.x_runs = {.run = 1, .pitch = 1};
  EXPECT_THAT(message(args_), HasSubstr("runs were given for X, which is plain"));
  args_.x_runs = {};
  args_.residual_runs = {.run = 1, .pitch = 1};
  EXPECT_THAT(message(args_), HasSubstr("this kernel's epilogue adds none"));
  args_.residual_runs = {};
  Conv2d conv{.height = 4, .width = 4};
  conv.kernel_w = 2;
  problem_.conv = conv;
  problem_.x_layout = problem_.y_layout = Layout::panel;
  std::vector<float> x(4096), y(4096);
  args_.x = x.data();
  args_.y = y.data();
  EXPECT_EQ(message(args_), "");
  args_.x_runs = {.run = 1, .pitch = 1};
  EXPECT_THAT(message(args_), HasSubstr("which a spatial convolution reads with its halo"));
  args_.x_runs = {};
  problem_.x_layout = problem_.y_layout = Layout::plane;
  args_.y_runs = {.run = 1, .pitch = 1};
  EXPECT_THAT(message(args_), HasSubstr("runs were given for Y, which isn't in strips"));
}

TEST_F(CallErrors, ResidualOverlappingY) {
  problem_.epilogue.residual = Residual::before_activation;
  args_.residual = y_;
  const Result<Operands> operands = check_run_args(kM, kK, problem_, args_);
  ASSERT_FALSE(operands.ok());
  EXPECT_THAT(operands.error().message, HasSubstr("overlap"));
  EXPECT_THAT(operands.error().hint, HasSubstr("Epilogue::accumulate"));
  args_.residual = x_;  // both are only read
  EXPECT_EQ(message(args_), "");
}

TEST_F(CallErrors, SizesBeyondAnyMemory) {
  args_.ldx = int64_t{1} << 62;
  EXPECT_THAT(message(args_), HasSubstr("X = 6 rows, 4611686018427387904 floats apart, takes more than 2^46 bytes"));
  args_.ldx = 0;
  args_.n = int64_t{1} << 60;
  EXPECT_THAT(message(args_), HasSubstr("columns are too many"));
  args_.n = int64_t{1} << 43;
  EXPECT_THAT(message(args_), HasSubstr("takes more than 2^46 bytes"));
  problem_.x_layout = Layout::panel;
  EXPECT_THAT(message(args_), HasSubstr("takes more than 2^46 bytes"));
  problem_.conv = Conv2d{1 << 28, 1 << 28, 1, 1};
  problem_.x_layout = Layout::plain;
  args_.batch = int64_t{1} << 60;
  EXPECT_THAT(message(args_), HasSubstr("columns are too many"));
}

TEST_F(CallErrors, AConvolutionWithoutAnImage) {
  problem_.conv = Conv2d{0, 3, 1, 1};
  EXPECT_THAT(message(args_), HasSubstr("height 0"));
  problem_.conv = Conv2d{3, 3, 0, 1};
  EXPECT_THAT(message(args_), HasSubstr("stride 0 x 1"));
}

}  // namespace
}  // namespace sparsmith

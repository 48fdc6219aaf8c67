// Two kernels in one call against the double reference, with an interpreter in place of generated code; and how blocks
// are chosen.
#include "runtime/launch_fused.h"

#include <gmock/gmock.h>

#include <sstream>

#include "runtime/fusion.h"
#include "runtime/pack_values.h"
#include "tests/runtime/call_buffers.h"
#include "tests/runtime/fake_code.h"
#include "tests/runtime/fused_reference.h"
#include "tests/runtime/hooks.h"
#include "tests/runtime/panel_runs.h"

namespace sparsmith {
namespace {

using testing::CallBuffers;
using testing::FakeCode;
using ::testing::HasSubstr;

// A kernel of the interpreter with random parameters.
struct Layer {
  Layer(int64_t m, int64_t k, const Problem& problem_, const Schedule& schedule_, uint32_t seed)
      : problem(problem_),
        schedule(schedule_),
        weights(testing::random_weights(m, k, 0.4, seed)),
        code(weights, problem, schedule),
        vector(static_cast<size_t>(m)) {
    std::mt19937 rng(seed + 1);
    std::uniform_real_distribution<float> uniform(-1.5f, 1.5f);
    for (float& value : vector) value = uniform(rng);
    if (problem.epilogue.bias) params.bias = vector;
    if (problem.epilogue.row_scale) params.row_scale = vector;
    if (problem.epilogue.activation == Activation::prelu) params.prelu_slope = vector;
    values.resize(code.image().value_sources.size());
    const bool packed =
        pack_values(code.image().value_sources, weights.values(), problem.epilogue, params, values).ok();
    EXPECT_TRUE(packed);
  }
  Launch launch() const {
    Launch kernel;
    kernel.m = weights.rows();
    kernel.k = weights.cols();
    kernel.accumulate = problem.epilogue.accumulate;
    kernel.schedule = schedule;
    kernel.segments = code.image().segments;
    kernel.tiles = tile_count(kernel.segments);
    kernel.values = values.data();
    kernel.work = 10000;
    kernel.min_work_per_thread = 0;
    kernel.caller = code.caller();
    return kernel;
  }

  Problem problem;
  Schedule schedule;
  Weights weights;
  FakeCode code;
  std::vector<float> vector, values;
  LayerParams params;
};

Schedule random_schedule(std::mt19937& rng) {
  const auto upto = [&](int64_t most) { return static_cast<int64_t>(rng() % static_cast<uint64_t>(most + 1)); };
  Schedule schedule;
  schedule.tile_rows = static_cast<int32_t>(1 + upto(9));
  schedule.panels_per_pass = static_cast<int32_t>(1 + upto(3));
  schedule.k_block = upto(1) == 0 ? 0 : 1 + upto(12);
  schedule.n_block = upto(1) == 0 ? 0 : 1 + upto(4);
  if (upto(2) == 0) {
    schedule.tile_group = 1 + upto(3);
    schedule.inner_panels = 1 + upto(4);
  }
  return schedule;
}

Conv2d random_conv(std::mt19937& rng) {
  const auto upto = [&](int64_t most) { return static_cast<int64_t>(rng() % static_cast<uint64_t>(most + 1)); };
  Conv2d conv{.height = 3 + upto(24), .width = 3 + upto(24), .stride_h = 1 + upto(1), .stride_w = 1 + upto(1)};
  conv.kernel_h = 1 + upto(2);
  conv.kernel_w = 2 + upto(1);
  conv.pad_top = upto(1);
  conv.pad_left = upto(2);
  conv.pad_bottom = upto(2);
  conv.groups = 1 + upto(6);
  return conv;
}

void check(uint32_t seed, ThreadPool& pool) {
  std::mt19937 rng(seed * 2654435761u + 5);
  const auto upto = [&](int64_t most) { return static_cast<int64_t>(rng() % static_cast<uint64_t>(most + 1)); };
  Problem first_problem, second_problem;
  const Conv2d conv = random_conv(rng);
  first_problem.conv = conv;
  first_problem.x_layout = upto(1) == 0 ? Layout::plain : Layout::panel;
  first_problem.y_layout = Layout::panel;
  first_problem.epilogue.bias = upto(1) == 0;
  first_problem.epilogue.activation = static_cast<Activation>(upto(11));
  second_problem.x_layout = Layout::panel;
  second_problem.y_layout = upto(1) == 0 ? Layout::plain : Layout::panel;
  second_problem.epilogue.accumulate = upto(2) == 0;
  second_problem.epilogue.row_scale = upto(1) == 0;
  second_problem.epilogue.residual = static_cast<Residual>(upto(2));
  second_problem.epilogue.activation = static_cast<Activation>(upto(11));
  const int64_t channels = conv.groups * (1 + upto(2)), rows = 1 + upto(20), batch = 1 + upto(3);
  const Layer first(channels, conv.taps() * (1 + upto(1)), first_problem, random_schedule(rng), seed);
  const Layer second(rows, channels, second_problem, random_schedule(rng), seed + 1000);
  Problem pair = second_problem;
  pair.conv = conv;
  pair.x_layout = first_problem.x_layout;

  CallBuffers buffers(pair, rows, first.weights.cols(), {.batch = batch}, seed + 2);
  RunArgs& args = buffers.args();
  // The first kernel by itself; it has tests of its own.
  std::vector<float> between(static_cast<size_t>(batch * strip_shape(conv).y_floats(channels)));
  RunArgs first_args{.x = args.x, .y = between.data(), .batch = batch};
  const Result<Operands> alone = check_run_args(channels, first.weights.cols(), first_problem, first_args);
  ASSERT_TRUE(alone.ok()) << alone.error().message;
  ASSERT_TRUE(launch(first.launch(), *alone, 1).ok());
  const Reference reference = testing::pair_reference(
      second.weights, pair, second.params, testing::between_images(between.data(), batch, channels, conv), args);
  const Result<Operands> operands = check_run_args(rows, first.weights.cols(), pair, args);
  ASSERT_TRUE(operands.ok()) << operands.error().message;

  FusedLaunch launch{first.launch(), second.launch(), 0};
  std::vector<uint32_t> bits;
  const auto run = [&](int threads, const Workers& workers) {
    launch.first.workers = launch.second.workers = workers;
    buffers.reset_y();
    ASSERT_TRUE(launch_fused(launch, *operands, threads).ok());
    const Deviation deviation = compare(reference, pair, args);
    ASSERT_TRUE(deviation.ok()) << deviation.describe();
    ASSERT_TRUE(buffers.surroundings_untouched());
    if (bits.empty()) bits = buffers.y_bits();
    ASSERT_EQ(buffers.y_bits(), bits);
    const auto again = [&](const RunArgs& in_runs) {
      const Result<Operands> others = check_run_args(rows, first.weights.cols(), pair, in_runs);
      return others.ok() ? launch_fused(launch, *others, threads) : Status(others.error());
    };
    ASSERT_TRUE(testing::same_in_runs(pair, rows, first.weights.cols(), buffers, again, seed));
  };
  for (const int64_t block : {int64_t{0}, int64_t{1}, 1 + upto(5), int64_t{1000}}) {
    launch.block_positions = block;
    for (int threads = 1; threads <= 4; ++threads) {
      std::ostringstream where;
      where << "seed " << seed << ", block " << block << ", threads " << threads << ", image " << conv.height << "x"
            << conv.width << " batch " << batch << ", " << channels << " channels, " << rows << " rows";
      SCOPED_TRACE(where.str());
      run(threads, {&pool, nullptr});
      if (::testing::Test::HasFatalFailure()) return;
    }
    const ParallelFor hook = testing::backwards(3);
    run(3, {nullptr, &hook});
    if (::testing::Test::HasFatalFailure()) return;
  }
}

TEST(LaunchFusedTest, RandomPairsMatchTheReferenceHoweverTheyAreCut) {
  ThreadPool pool(3);
  for (uint32_t seed = 0; seed < 150; ++seed) {
    check(seed, pool);
    if (HasFatalFailure()) return;
  }
}

// --- Choosing blocks. A layer of MobileNetV1: 128 channels at 56x56, 128 rows.

constexpr FusionShape kPair{.positions = 196,
                            .row = 14,
                            .between_bytes = 128 * 64,
                            .outer_bytes = 300 * 64,
                            .second_code = 30 << 10,
                            .l1i_bytes = 32 << 10,
                            .l2_bytes = 2 << 20};

TEST(FusionTest, LargeActivationsGoInBlocksOfWholeRows) {
  const Fusion fusion = choose_fusion(kPair);
  EXPECT_EQ(fusion.block, 14);
  EXPECT_THAT(describe(fusion, kPair), HasSubstr("the 1568 KB between the kernels stay in blocks of 112 KB"));
}

TEST(FusionTest, WhatIsCachedAnywayIsNotCut) {
  FusionShape shape = kPair;
  shape.l2_bytes = 8 << 20;
  EXPECT_EQ(choose_fusion(shape).block, 0);
  EXPECT_THAT(describe(choose_fusion(shape), shape), HasSubstr("stay in the second-level cache (8192 KB)"));
}

TEST(FusionTest, BetweenLayersTheNextOneMayWantYInTheCache) {
  FusionShape shape = kPair;
  shape.y_bytes = shape.between_bytes;  // 1.6 MB, half of what is saved
  EXPECT_TRUE(pays_in_chain(shape));
  shape.y_bytes = 2 * shape.between_bytes;  // doesn't stay anyway
  EXPECT_TRUE(pays_in_chain(shape));
  shape.l2_bytes = 4 << 20;  // would stay
  EXPECT_EQ(choose_fusion(shape).reason, FusionReason::pays);
  EXPECT_FALSE(pays_in_chain(shape));
}

TEST(FusionTest, CodeThatWouldBeFetchedAgainAndAgainSpeaksAgainstBlocks) {
  FusionShape shape = kPair;
  shape.second_code = 4 << 20;
  EXPECT_EQ(choose_fusion(shape).reason, FusionReason::code);
  EXPECT_THAT(describe(choose_fusion(shape), shape),
              HasSubstr("(4096 KB) would be fetched again for each of 14 blocks"));
  shape.l1i_bytes = shape.second_code;
  EXPECT_EQ(choose_fusion(shape).reason, FusionReason::pays);
}

TEST(FusionTest, FewPositionsForManyThreadsAreNotCut) {
  FusionShape shape = kPair;
  shape.positions = 5;
  shape.between_bytes = 1 << 20;
  shape.threads = 4;
  EXPECT_EQ(choose_fusion(shape).reason, FusionReason::threads);
  EXPECT_THAT(describe(choose_fusion(shape), shape), HasSubstr("5 positions don't go round among 4 threads"));
}

TEST(FusionTest, BlocksAreSaneAtEverySize) {
  std::mt19937 rng(3);
  const auto upto = [&](int64_t most) { return 1 + static_cast<int64_t>(rng() % static_cast<uint64_t>(most)); };
  for (int i = 0; i < 5000; ++i) {
    const FusionShape shape{.positions = upto(5000),
                            .row = upto(100),
                            .between_bytes = 64 * upto(upto(1) == 1 ? 100 : 100000),
                            .outer_bytes = 64 * upto(20000),
                            .second_code = upto(10 << 20),
                            .l1i_bytes = 32 << 10,
                            .l2_bytes = int64_t{1} << (9 + upto(13)),
                            .threads = static_cast<int>(upto(16))};
    const Fusion fusion = choose_fusion(shape);
    ASSERT_GE(fusion.block, 0);
    ASSERT_LE(fusion.block, shape.positions);
    ASSERT_EQ(fusion.block > 0, fusion.reason == FusionReason::pays);
    ASSERT_GE(block_positions(shape), 1);
    ASSERT_FALSE(describe(fusion, shape).empty());
  }
}

}  // namespace
}  // namespace sparsmith

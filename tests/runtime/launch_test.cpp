// The launcher against the double reference, with an interpreter in place of generated code.
#include "runtime/launch.h"

#include <gtest/gtest.h>

#include <sstream>

#include "kernels/reference.h"
#include "runtime/pack_values.h"
#include "runtime/scratch.h"
#include "tests/runtime/call_buffers.h"
#include "tests/runtime/fake_code.h"
#include "tests/runtime/hooks.h"
#include "tests/runtime/panel_runs.h"

namespace sparsmith {
namespace {

using testing::CallBuffers;
using testing::CallShape;
using testing::FakeCode;

struct Case {
  int64_t m = 20, k = 30;
  double density = 0.3;
  Problem problem;
  Schedule schedule;
  CallShape shape;
};

std::string describe(const Case& c, uint32_t seed) {
  std::ostringstream text;
  text << "seed " << seed << ": " << c.m << "x" << c.k << " n " << c.shape.n << " batch " << c.shape.batch << " x "
       << (c.problem.x_layout == Layout::plain ? "plain" : "panel") << " y "
       << (c.problem.y_layout == Layout::plain ? "plain" : "panel") << " tile " << c.schedule.tile_rows << " panels "
       << c.schedule.panels_per_pass << " k_block " << c.schedule.k_block << " n_block " << c.schedule.n_block
       << " pads " << c.shape.pad_x << "," << c.shape.pad_y << "," << c.shape.pad_residual << " accumulate "
       << c.problem.epilogue.accumulate << " residual " << static_cast<int>(c.problem.epilogue.residual)
       << " activation " << static_cast<int>(c.problem.epilogue.activation);
  if (c.problem.conv) {
    text << " conv " << c.problem.conv->height << "x" << c.problem.conv->width << " stride " << c.problem.conv->stride_h
         << "x" << c.problem.conv->stride_w << " kernel " << c.problem.conv->kernel_h << "x" << c.problem.conv->kernel_w
         << " groups " << c.problem.conv->groups;
  }
  return text.str();
}

// Runs the case with 1 to 4 threads; all must agree to the bit, match the reference and touch nothing else.
void check(const Case& c, uint32_t seed, ThreadPool& pool) {
  SCOPED_TRACE(describe(c, seed));
  const Weights weights = testing::random_weights(c.m, c.k, c.density, seed);
  std::vector<float> bias(static_cast<size_t>(c.m)), scale(bias.size()), slope(bias.size());
  std::mt19937 rng(seed + 1);
  std::uniform_real_distribution<float> uniform(-1.5f, 1.5f);
  for (auto* vector : {&bias, &scale, &slope}) {
    for (float& value : *vector) value = uniform(rng);
  }
  const Epilogue& epilogue = c.problem.epilogue;
  LayerParams params;
  if (epilogue.bias) params.bias = bias;
  if (epilogue.row_scale) params.row_scale = scale;
  if (epilogue.activation == Activation::prelu) params.prelu_slope = slope;

  const FakeCode code(weights, c.problem, c.schedule);
  std::vector<float> packed(code.image().value_sources.size());
  ASSERT_TRUE(pack_values(code.image().value_sources, weights.values(), epilogue, params, packed).ok());
  CallBuffers buffers(c.problem, c.m, c.k, c.shape, seed + 2);
  const Reference reference = compute_reference(weights, c.problem, params, buffers.args());
  const Result<Operands> operands = check_run_args(c.m, c.k, c.problem, buffers.args());
  ASSERT_TRUE(operands.ok()) << operands.error().message;

  Launch kernel;
  kernel.m = c.m;
  kernel.k = c.k;
  kernel.accumulate = epilogue.accumulate;
  kernel.schedule = c.schedule;
  kernel.segments = code.image().segments;
  kernel.tiles = tile_count(kernel.segments);
  kernel.values = packed.data();
  kernel.work = seed % 3 == 0 ? 1 : 100000;  // heavy panels are divided by rows too
  kernel.min_work_per_thread = 0;
  kernel.caller = code.caller();
  kernel.workers.pool = &pool;
  std::vector<uint32_t> first;
  for (int threads = 1; threads <= 4; ++threads) {
    buffers.reset_y();
    ASSERT_TRUE(launch(kernel, *operands, threads).ok());
    const Deviation deviation = compare(reference, c.problem, buffers.args());
    ASSERT_TRUE(deviation.ok()) << threads << " threads: " << deviation.describe();
    ASSERT_TRUE(buffers.surroundings_untouched()) << threads << " threads";
    if (threads == 1) first = buffers.y_bits();
    ASSERT_EQ(buffers.y_bits(), first) << threads << " threads";
    ASSERT_TRUE(testing::same_in_runs(
        c.problem, c.m, c.k, buffers,
        [&](const RunArgs& args) {
          const Result<Operands> in_runs = check_run_args(c.m, c.k, c.problem, args);
          return in_runs.ok() ? launch(kernel, *in_runs, threads) : Status(in_runs.error());
        },
        seed + static_cast<uint32_t>(threads)));
  }
  const ParallelFor hook = testing::backwards(1 + static_cast<int>(seed % 5));
  kernel.workers = {nullptr, &hook};
  buffers.reset_y();
  ASSERT_TRUE(launch(kernel, *operands, 1).ok());
  ASSERT_EQ(buffers.y_bits(), first) << "parts backwards";
}

Case random_case(std::mt19937& rng) {
  const auto upto = [&](int64_t most) { return static_cast<int64_t>(rng() % static_cast<uint64_t>(most + 1)); };
  Case c;
  c.m = 1 + upto(40);
  c.k = 1 + upto(40);
  c.density = static_cast<double>(upto(10)) / 10;
  c.problem.x_layout = upto(2) > 0 ? Layout::plain : Layout::panel;
  c.problem.y_layout = upto(2) > 0 ? Layout::plain : Layout::panel;
  Epilogue& e = c.problem.epilogue;
  e.accumulate = upto(2) == 0;
  e.row_scale = upto(1) == 0;
  e.bias = upto(1) == 0;
  e.residual = static_cast<Residual>(upto(2));
  e.activation = static_cast<Activation>(upto(11));
  e.lo = -0.25f;
  e.hi = 0.5f;
  c.schedule.tile_rows = static_cast<int32_t>(1 + upto(30));
  c.schedule.panels_per_pass = static_cast<int32_t>(1 + upto(2));
  c.schedule.k_block = upto(1) == 0 ? 0 : 1 + upto(c.k);
  c.schedule.n_block = upto(1) == 0 ? 0 : 1 + upto(4);
  if (upto(1) == 0) {
    c.problem.conv = Conv2d{1 + upto(9), 1 + upto(9), 1 + upto(2), 1 + upto(2)};
    c.shape.batch = 1 + upto(5);
    const bool plain = c.problem.x_layout == Layout::plain || c.problem.y_layout == Layout::plain;
    c.shape.n = plain ? 0 : 1 + upto(99);
  } else {
    c.shape.n = 1 + upto(150);
    c.shape.pad_x = upto(5);
    c.shape.pad_y = upto(5);
    c.shape.pad_residual = upto(5);
  }
  const bool strided = c.problem.conv && (c.problem.conv->stride_h > 1 || c.problem.conv->stride_w > 1);
  if (upto(2) == 0) {
    c.schedule.tile_group = 1 + upto(3);
    c.schedule.inner_panels = 1 + upto(4);
  }
  c.schedule.direct_x = c.problem.x_layout == Layout::plain && !strided && upto(1) == 0;
  c.shape.lead = upto(15);
  c.shape.y_at_page_end = upto(1) == 0;
  return c;
}

// The same as a spatial convolution of up to a few dozen positions.
Case random_spatial_case(std::mt19937& rng) {
  const auto upto = [&](int64_t most) { return static_cast<int64_t>(rng() % static_cast<uint64_t>(most + 1)); };
  Case c = random_case(rng);
  Conv2d conv;
  conv.stride_h = 1 + upto(1);
  conv.stride_w = 1 + upto(1);
  conv.kernel_h = 1 + upto(2);
  conv.kernel_w = 1 + upto(2);
  conv.dilation_w = 1 + upto(3) / 3;
  conv.pad_top = 1;
  conv.pad_left = upto(2);
  conv.pad_bottom = upto(2);
  conv.pad_right = upto(2);
  conv.height = 4 + upto(20);
  conv.width = 5 + upto(20);
  conv.groups = upto(1) == 0 ? 1 : 1 + upto(5);
  conv.order = upto(1) == 0 ? WeightOrder::oihw : WeightOrder::hwc;
  c.m = conv.groups * (1 + upto(6));
  c.k = conv.taps() * (1 + upto(4));
  c.problem.conv = conv;
  c.shape.batch = 1 + upto(3);
  c.shape.pad_x = c.shape.pad_y = c.shape.pad_residual = 0;
  c.schedule.direct_x = false;
  return c;
}

TEST(LaunchTest, RandomSpatialCallsMatchTheReference) {
  ThreadPool pool(3);
  std::mt19937 rng(20240612);
  for (uint32_t seed = 0; seed < 700; ++seed) {
    check(random_spatial_case(rng), seed, pool);
    if (HasFatalFailure()) return;
  }
}

TEST(LaunchTest, RandomCallsMatchTheReference) {
  ThreadPool pool(3);
  std::mt19937 rng(20240611);
  for (uint32_t seed = 0; seed < 1500; ++seed) {
    check(random_case(rng), seed, pool);
    if (HasFatalFailure()) return;
  }
}

TEST(LaunchTest, EveryColumnCountWithEveryPassWidth) {
  ThreadPool pool(3);
  for (int64_t n = 1; n <= 130; ++n) {
    for (int32_t panels = 1; panels <= 3; ++panels) {
      Case c;
      c.m = 7;
      c.k = 11;
      c.shape.n = n;
      c.schedule.panels_per_pass = panels;
      c.schedule.n_block = n % 5;
      c.schedule.tile_rows = 3;
      check(c, static_cast<uint32_t>(n), pool);
      if (HasFatalFailure()) return;
    }
  }
}

// What the caller of the segments saw, in order.
struct Seen {
  std::vector<std::array<int64_t, 4>> calls;  // k_block, tile, panels, single
};

std::vector<std::array<int64_t, 4>> calls_of(const Problem& problem, const Schedule& schedule, int64_t n) {
  const Weights weights = testing::random_weights(10, 40, 0.5, 1);
  const FakeCode code(weights, problem, schedule);
  std::vector<float> packed(code.image().value_sources.size());
  CallBuffers buffers(problem, 10, 40, {.n = n}, 3);
  Launch kernel;
  Seen seen;
  kernel.m = 10;
  kernel.k = 40;
  kernel.schedule = schedule;
  kernel.segments = code.image().segments;
  kernel.tiles = tile_count(kernel.segments);
  kernel.values = packed.data();
  kernel.caller = {&seen, [](const void* context, const Segment& segment, bool single, const EntryArgs& args) {
                     auto* s = const_cast<Seen*>(static_cast<const Seen*>(context));
                     s->calls.push_back({segment.k_block, segment.tile, args.passes, single ? 1 : 0});
                   }};
  const Result<Operands> operands = check_run_args(10, 40, problem, buffers.args());
  EXPECT_TRUE(operands.ok() && launch(kernel, *operands, 1).ok());
  return seen.calls;
}

TEST(LaunchTest, RunsNBlocksThenKBlocksThenTiles) {
  Problem problem;
  problem.y_layout = Layout::panel;
  Schedule schedule;
  schedule.tile_rows = 5;
  schedule.k_block = 20;
  schedule.n_block = 5;
  schedule.panels_per_pass = 2;
  using Calls = std::vector<std::array<int64_t, 4>>;
  const Calls one_block = {{0, 0, 2, 0}, {0, 0, 1, 1}, {0, 1, 2, 0}, {0, 1, 1, 1},
                           {1, 0, 2, 0}, {1, 0, 1, 1}, {1, 1, 2, 0}, {1, 1, 1, 1}};
  EXPECT_EQ(calls_of(problem, schedule, 80), one_block);
  Calls two_blocks = one_block;
  two_blocks.insert(two_blocks.end(), one_block.begin(), one_block.end());
  EXPECT_EQ(calls_of(problem, schedule, 150), two_blocks);
}

TEST(LaunchTest, OnlyTheTailOfPlainYIsStaged) {
  Schedule schedule;
  schedule.tile_rows = 10;
  using Calls = std::vector<std::array<int64_t, 4>>;
  EXPECT_EQ(calls_of({}, schedule, 96), (Calls{{0, 0, 6, 0}}));
  EXPECT_EQ(calls_of({}, schedule, 97), (Calls{{0, 0, 6, 0}, {0, 0, 1, 0}}));
}

TEST(LaunchTest, CutsBlocksThatNeedTooMuchMemory) {
  // 12 panels of 2^17 rows are 96 MiB; one block may pack 32 MiB.
  Problem problem;
  problem.y_layout = Layout::panel;
  const int64_t k = 1 << 17;
  Result<Pattern> pattern = Pattern::create(1, k, {0, 2}, {0, static_cast<int32_t>(k - 1)});
  const Weights weights = std::move(Weights::create(pattern.value(), {1.0f, 2.0f}).value());
  const FakeCode code(weights, problem, {});
  const std::vector<float> packed = {1.0f, 2.0f};
  std::vector<float> x(static_cast<size_t>(k * 192), 0.0f), y(192);
  for (int64_t c = 0; c < 192; ++c) x[c] = static_cast<float>(c), x[(k - 1) * 192 + c] = 1000;
  Launch kernel;
  kernel.m = 1;
  kernel.k = k;
  kernel.segments = code.image().segments;
  kernel.tiles = 1;
  kernel.values = packed.data();
  kernel.caller = code.caller();
  RunArgs args{.x = x.data(), .y = y.data(), .n = 192};
  const Result<Operands> operands = check_run_args(1, k, problem, args);
  ASSERT_TRUE(operands.ok());
  ASSERT_TRUE(launch(kernel, *operands, 1).ok());
  for (int64_t c = 0; c < 192; ++c) ASSERT_EQ(y[c], static_cast<float>(c) + 2000);
  release_scratch();
}

}  // namespace
}  // namespace sparsmith

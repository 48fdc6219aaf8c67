// Kernels that write a part of a larger value compute the bits of those that write it by itself, and nothing around it.
#include <algorithm>
#include <bit>

#include "sparsmith/strip.h"
#include "tests/correctness/layer_case.h"

namespace sparsmith::testing {
namespace {

class Parts : public PerTarget {};

/// What is in neither result: lanes that kernels leave alone.
constexpr float kUntouched = 12345.0f;

::testing::AssertionResult check_part(uint32_t seed, const std::string& target) {
  LayerCase c = random_layer(seed, target);
  std::mt19937 rng(seed);
  c.problem.n_fixed = false;
  c.problem.y_layout = Layout::panel;
  if (c.problem.x_layout != Layout::plain) c.problem.x_layout = Layout::panel;
  c.problem.epilogue.residual = Residual::none;
  c.problem.epilogue.accumulate = false;
  c.shape.pad_y = c.shape.pad_residual = 0;
  const auto failure = [&] { return ::testing::AssertionFailure() << describe(c) << ": "; };
  const Weights weights = make_weights(c);
  const OwnedParams params(c.problem.epilogue, c.m, seed);
  CompileOptions options;
  options.target = target;
  const auto alone = compile(weights, c.problem, params.view(), options);
  if (!alone.ok()) return failure() << alone.error().message;
  const Schedule schedule = alone->plan().chosen;
  options.schedule = &schedule;
  const auto again = compile(weights, c.problem, params.view(), options);
  Problem problem = c.problem;
  problem.y_channels = c.m + static_cast<int64_t>(rng() % 40);
  const auto first = static_cast<int64_t>(rng() % static_cast<uint64_t>(problem.y_channels - c.m + 1));
  const auto part = compile(weights, problem, params.view(), options);
  if (!again.ok() || !part.ok()) return failure() << (again.ok() ? part : again).error().message;

  CallBuffers buffers(c.problem, c.m, c.k, c.shape, seed);
  RunArgs args = buffers.args();
  const int64_t panels =
      c.problem.spatial() ? args.batch * strip_shape(*c.problem.conv).y_positions() : panel_count(args.n);
  std::vector<float> own(static_cast<size_t>(panels * c.m * kPanelWidth), kUntouched);
  std::vector<float> whole(static_cast<size_t>(panels * problem.y_channels * kPanelWidth), kUntouched);
  for (int threads = 1; threads <= c.threads; ++threads) {
    args.threads = threads;
    args.y = own.data();
    if (const Status ran = again->run(args); !ran) return failure() << ran.error().message;
    args.y = whole.data() + first * kPanelWidth;
    if (const Status ran = part->run(args); !ran) return failure() << ran.error().message;
    for (int64_t p = 0; p < panels; ++p) {
      for (int64_t i = 0; i < problem.y_channels * kPanelWidth; ++i) {
        const int64_t at = i - first * kPanelWidth;
        const bool inside = at >= 0 && at < c.m * kPanelWidth;
        const float expected = inside ? own[static_cast<size_t>(p * c.m * kPanelWidth + at)] : kUntouched;
        const float actual = whole[static_cast<size_t>(p * problem.y_channels * kPanelWidth + i)];
        if (std::bit_cast<uint32_t>(actual) == std::bit_cast<uint32_t>(expected)) continue;
        return failure() << problem.y_channels << " channels from " << first << ", panel " << p << ", float " << i
                         << ": " << actual << ", expected " << expected << ", " << schedule.describe();
      }
    }
  }
  return ::testing::AssertionSuccess();
}

TEST_P(Parts, AreWrittenInPlace) {
  for_each_seed(400, [&](uint32_t seed) { return check_part(seed, target()); });
}
SPARSMITH_FOR_EACH_TARGET(Parts);

TEST(Part, OfFewerChannelsThanRowsOrOfPlainRowsIsRefused) {
  LayerCase c{.m = 5, .k = 4};
  c.problem.x_layout = c.problem.y_layout = Layout::panel;
  c.problem.y_channels = 4;
  const Weights weights = make_weights(c);
  const auto fewer = compile(weights, c.problem);
  ASSERT_FALSE(fewer.ok());
  EXPECT_NE(fewer.error().message.find("y_channels = 4 for 5 rows"), std::string::npos) << fewer.error().message;
  c.problem.y_layout = Layout::plain;
  c.problem.y_channels = 8;
  const auto plain = compile(weights, c.problem);
  ASSERT_FALSE(plain.ok());
  EXPECT_NE(plain.error().message.find("isn't in panels"), std::string::npos) << plain.error().message;
}

}  // namespace
}  // namespace sparsmith::testing

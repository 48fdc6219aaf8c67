// Two layers in one call: the same bits as two calls, whatever the blocks and threads, and right by the double
// reference.
#include "sparsmith/fused.h"

#include <gtest/gtest.h>

#include <cstring>

#include "tests/correctness/layer_case.h"
#include "tests/runtime/fused_reference.h"
#include "tests/runtime/panel_runs.h"

namespace sparsmith {
namespace {

using testing::CallBuffers;
using testing::LayerCase;
using testing::OwnedParams;

struct PairCase {
  LayerCase first, second;
  int64_t batch = 1;
  double special = 0;  ///< share of X that is NaN or infinite
  int threads = 2;
};

Result<Kernel> compile_case(const LayerCase& c, const Weights& weights, const OwnedParams& params) {
  CompileOptions options;
  options.target = c.target;
  options.schedule = c.schedule ? &*c.schedule : nullptr;
  return compile(weights, c.problem, params.view(), options);
}

/// The same floats as if in two calls of Kernel::run, strips to strips.
std::vector<float> run_separately(const Kernel& first, const Kernel& second, const RunArgs& args,
                                  const std::vector<float>& between) {
  const Conv2d& conv = *first.problem().conv;
  const StripShape strips = strip_shape(conv);
  std::vector<float> y(args.y, args.y + args.batch * strips.y_floats(second.m()));
  RunArgs product = args;
  product.x = between.data();
  product.y = y.data();
  product.n = args.batch * strips.y_positions() * 16;
  const Status ran = second.run(product);
  EXPECT_TRUE(ran.ok()) << (ran.ok() ? "" : ran.error().message);
  return y;
}

::testing::AssertionResult check_pair(const PairCase& c) {
  const auto failure = [&] {
    return ::testing::AssertionFailure() << "[" << describe(c.first) << "] then [" << describe(c.second) << "] ";
  };
  const Weights first_weights = make_weights(c.first), second_weights = make_weights(c.second);
  const OwnedParams first_params(c.first.problem.epilogue, c.first.m, c.first.seed),
      second_params(c.second.problem.epilogue, c.second.m, c.second.seed);
  const auto kernel = [&](bool first) {
    return first ? compile_case(c.first, first_weights, first_params)
                 : compile_case(c.second, second_weights, second_params);
  };
  Result<Kernel> first = kernel(true), second = kernel(false);
  if (!first.ok()) return failure() << first.error().message;
  if (!second.ok()) return failure() << second.error().message;

  const Conv2d& conv = *c.first.problem.conv;
  Problem pair = c.second.problem;
  pair.conv = conv;
  pair.x_layout = c.first.problem.x_layout;
  CallBuffers buffers(pair, c.second.m, c.first.k, {.batch = c.batch, .special = c.special}, c.first.seed + 9);
  RunArgs& args = buffers.args();

  std::vector<float> between(static_cast<size_t>(c.batch * strip_shape(conv).y_floats(c.first.m)));
  const RunArgs first_args{.x = args.x, .y = between.data(), .batch = c.batch};
  const Reference first_reference = compute_reference(first_weights, c.first.problem, first_params.view(), first_args,
                                                      first->plan().chosen.form == Form::dense);
  if (Status s = first->run(first_args); !s.ok()) return failure() << s.error().message;
  if (const Deviation d = compare(first_reference, c.first.problem, first_args); !d.ok()) {
    return failure() << "first kernel: " << d.describe();
  }
  const Reference reference = testing::pair_reference(second_weights, pair, second_params.view(),
                                                      testing::between_images(between.data(), c.batch, c.first.m, conv),
                                                      args, second->plan().chosen.form == Form::dense);
  std::vector<float> apart;
  if (pair.y_layout == Layout::panel) apart = run_separately(*first, *second, args, between);

  std::vector<uint32_t> bits;
  for (const auto way : {FuseOptions::Way::automatic, FuseOptions::Way::fused, FuseOptions::Way::separate}) {
    for (const int64_t block : {0, 1, 3}) {
      if (block > 0 && way != FuseOptions::Way::fused) continue;
      Result<FusedKernel> fused =
          fuse(std::move(*kernel(true)), std::move(*kernel(false)), {.way = way, .block_positions = block});
      if (!fused.ok()) return failure() << fused.error().message;
      for (int threads = 1; threads <= c.threads; ++threads) {
        args.threads = threads;
        buffers.reset_y();
        if (Status s = fused->run(args); !s.ok()) return failure() << s.error().message;
        const auto where = [&] { return failure() << fused->explain() << threads << " threads: "; };
        if (const Deviation d = compare(reference, pair, args); !d.ok()) return where() << d.describe();
        if (auto untouched = buffers.surroundings_untouched(); !untouched) return where() << untouched.message();
        if (bits.empty()) bits = buffers.y_bits();
        if (buffers.y_bits() != bits) return where() << "other bits than before";
        if (!apart.empty() && std::memcmp(apart.data(), args.y, apart.size() * sizeof(float)) != 0) {
          return where() << "other bits than two calls";
        }
        const auto run = [&](const RunArgs& in_runs) { return fused->run(in_runs); };
        if (auto same = testing::same_in_runs(pair, c.second.m, c.first.k, buffers, run, c.first.seed); !same) {
          return where() << same.message();
        }
      }
    }
  }
  return ::testing::AssertionSuccess();
}

PairCase random_pair(uint32_t seed, const std::string& target) {
  std::mt19937 rng(seed * 2654435761u + 11);
  const auto upto = [&](int64_t most) { return static_cast<int64_t>(rng() % static_cast<uint64_t>(most + 1)); };
  PairCase c;
  // A spatial layer as the sweep has them; pointwise ones are skipped.
  uint32_t number = seed * 100;
  do {
    c.first = testing::random_layer(number++, target);
  } while (!c.first.problem.spatial() || c.first.problem.n_fixed);
  c.first.problem.y_layout = Layout::panel;
  if (c.first.problem.x_layout != Layout::plain) c.first.problem.x_layout = Layout::panel;
  c.first.problem.epilogue.accumulate = false;
  c.first.problem.epilogue.residual = Residual::none;
  do {
    c.second = testing::random_layer(number++, target);
  } while (c.second.problem.conv || c.second.problem.n_fixed);
  c.second.k = c.first.m;
  c.second.problem.x_layout = Layout::panel;
  const Conv2d& conv = *c.first.problem.conv;
  c.second.problem.n = upto(1) == 0 ? 0 : strip_shape(conv).y_positions() * 16;
  if (upto(2) == 0) c.second.problem.conv = Conv2d{.height = conv.out_height(), .width = conv.out_width()};
  for (LayerCase* layer : {&c.first, &c.second}) {
    if (upto(1) == 0) continue;
    do {
      layer->schedule = testing::random_schedule(rng, layer->problem, layer->k, target);
    } while (layer->schedule->form == Form::vector || layer->schedule->lanes < 16);
  }
  c.batch = 1 + upto(2);
  c.threads = static_cast<int>(1 + upto(2));
  return c;
}

class Fused : public testing::PerTarget {};

TEST_P(Fused, RandomPairs) {
  testing::for_each_seed(60, [&](uint32_t seed) { return check_pair(random_pair(seed, target())); });
}

// Depthwise layers of MobileNet's kind with enough work for two threads.
PairCase mobile_pair(int64_t size, int64_t stride, int64_t channels, int64_t rows, const std::string& target) {
  Conv2d conv{.height = size, .width = size, .stride_h = stride, .stride_w = stride};
  conv.kernel_h = conv.kernel_w = 3;
  conv.pad_bottom = conv.pad_right = 1;
  conv.pad_top = conv.pad_left = stride == 1 ? 1 : 0;
  conv.groups = channels;
  PairCase c;
  c.first = LayerCase{.m = channels, .k = 9, .target = target};
  c.first.problem.conv = conv;
  c.first.problem.x_layout = c.first.problem.y_layout = Layout::panel;
  c.first.problem.epilogue.bias = true;
  c.first.problem.epilogue.activation = Activation::clip;
  c.second = LayerCase{.m = rows, .k = channels, .density = 0.1, .target = target, .seed = 2};
  c.second.problem.x_layout = c.second.problem.y_layout = Layout::panel;
  c.second.problem.n = strip_shape(conv).y_positions() * 16;
  c.second.problem.epilogue = c.first.problem.epilogue;
  c.threads = 3;
  return c;
}

TEST_P(Fused, DepthwisePairsOnThreads) {
  for (const int64_t stride : {1, 2}) {
    for (const int64_t size : {7, 27, 40}) {
      PairCase c = mobile_pair(size, stride, 96, 128, target());
      ASSERT_TRUE(check_pair(c));
      c.first.problem.x_layout = c.second.problem.y_layout = Layout::plain;
      c.second.problem.epilogue.residual = Residual::after_activation;
      c.second.problem.epilogue.accumulate = true;
      c.batch = 2;
      ASSERT_TRUE(check_pair(c));
    }
  }
}

TEST_P(Fused, ANanReachesOnlyWhatDependsOnIt) {
  for (const Layout layout : {Layout::plain, Layout::panel}) {
    PairCase c = mobile_pair(19, 1, 24, 30, target());
    c.first.problem.x_layout = c.second.problem.y_layout = layout;
    c.special = 0.01;
    ASSERT_TRUE(check_pair(c));
  }
}

SPARSMITH_FOR_EACH_TARGET(Fused);

}  // namespace
}  // namespace sparsmith

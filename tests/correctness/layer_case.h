/// \file
/// One layer: what to compile and how to call it. Checks the kernel against the reference in hostile memory.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "sparsmith/sparsmith.h"
#include "tests/runtime/call_buffers.h"

namespace sparsmith::testing {

enum class Nonzeros {
  random,     ///< each element with probability `density`
  none,       ///< an all-zero matrix
  one,        ///< a single nonzero
  uneven,     ///< half of the rows and a third of the columns empty, a full row and a full column
  block_4x4,  ///< random blocks
};

struct LayerCase {
  int64_t m = 1, k = 1;
  Nonzeros nonzeros = Nonzeros::random;
  double density = 1;
  Problem problem{};
  std::optional<Schedule> schedule{};
  std::string target = "host";
  CallShape shape{};
  int threads = 1;  ///< runs with 1 .. threads threads
  uint32_t seed = 1;
};

inline constexpr Activation kActivations[] = {Activation::none,         Activation::relu,     Activation::leaky_relu,
                                              Activation::prelu,        Activation::clip,     Activation::hard_swish,
                                              Activation::hard_sigmoid, Activation::sigmoid,  Activation::silu,
                                              Activation::tanh,         Activation::gelu_erf, Activation::gelu_tanh};

/// Everything needed to see what failed.
std::string describe(const LayerCase& c);

Weights make_weights(const LayerCase& c);

/// The vectors that the epilogue asks for, random.
struct OwnedParams {
  OwnedParams(const Epilogue& epilogue, int64_t m, uint32_t seed);
  LayerParams view() const { return {bias, row_scale, prelu_slope}; }
  std::vector<float> bias, row_scale, prelu_slope;
};

/// Runs the kernel on fresh buffers of `shape` and compares with the reference; also that nothing around Y changed and
/// that every thread count gives the same bits. `code` says in messages what was run.
::testing::AssertionResult check_kernel(const Kernel& kernel, const Weights& weights, const LayerParams& params,
                                        const CallShape& shape, int threads, uint32_t seed);

/// Compiles the case and checks it.
::testing::AssertionResult check_layer(const LayerCase& c);

/// A random small layer for sweeps: any shape, pattern, layout, epilogue, call. No schedule.
LayerCase random_layer(uint32_t seed, const std::string& target);
/// A random schedule that is legal for the problem and the target.
Schedule random_schedule(std::mt19937& rng, const Problem& problem, int64_t k, const std::string& target);

/// Runs check on the seeds 0 .. count - 1 (times $SPARSMITH_SWEEP), or on $SPARSMITH_SEED alone; stops at a failure.
void for_each_seed(uint32_t count, const std::function<::testing::AssertionResult(uint32_t)>& check);

/// Why code for the target can't run here; empty when it can.
std::string cannot_run(const std::string& target);

/// Tests that run once per instruction set.
class PerTarget : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override;
  std::string target() const { return GetParam(); }
};
#define SPARSMITH_FOR_EACH_TARGET(suite)                                                \
  INSTANTIATE_TEST_SUITE_P(Targets, suite, ::testing::Values("x86-64-v3", "x86-64-v4"), \
                           [](const auto& param) { return std::string(param.param).substr(7); })

}  // namespace sparsmith::testing

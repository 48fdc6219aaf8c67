// What happens to a compiled kernel: new values, files, caches, threads.
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/correctness/layer_case.h"

namespace sparsmith {
namespace {

using testing::check_kernel;
using ::testing::HasSubstr;
using testing::LayerCase;
using testing::OwnedParams;

// The weights' pattern with other values.
Weights revalued(const Weights& weights, uint32_t seed) {
  std::mt19937 rng(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(weights.values().size());
  for (float& value : values) value = normal(rng);
  return Weights::create(weights.pattern(), std::move(values)).value();
}

class KernelLife : public testing::PerTarget {
 protected:
  Result<Kernel> compile_case(const LayerCase& c, const Weights& weights, const LayerParams& params) {
    CompileOptions options;
    options.target = target();
    options.schedule = c.schedule ? &*c.schedule : nullptr;
    options.cache = cache_;
    return compile(weights, c.problem, params, options);
  }
  std::filesystem::path temporary(const std::string& name) {
    return std::filesystem::path(::testing::TempDir()) / (std::to_string(getpid()) + "_" + target() + "_" + name);
  }

  std::shared_ptr<Cache> cache_;
};

TEST_P(KernelLife, UpdateValuesEqualsCompilingAnew) {
  testing::for_each_seed(150, [&](uint32_t seed) -> ::testing::AssertionResult {
    LayerCase c = testing::random_layer(seed, target());
    std::mt19937 rng(seed);
    if (seed % 2 == 0) c.schedule = testing::random_schedule(rng, c.problem, c.k, target());
    const Weights weights = make_weights(c), other = revalued(weights, seed);
    const OwnedParams params(c.problem.epilogue, c.m, seed), new_params(c.problem.epilogue, c.m, seed + 1);
    Result<Kernel> kernel = compile_case(c, weights, params.view());
    if (!kernel.ok()) return ::testing::AssertionFailure() << describe(c) << kernel.error().message;
    const Status updated = kernel->update_values(other, new_params.view());
    if (!updated.ok()) return ::testing::AssertionFailure() << describe(c) << updated.error().message;
    return check_kernel(*kernel, other, new_params.view(), c.shape, 1, seed) << describe(c);
  });
}

TEST_P(KernelLife, AnotherPatternIsRefusedAndChangesNothing) {
  const LayerCase c{.m = 30, .k = 30, .density = 0.2};
  const Weights weights = make_weights(c);
  Result<Kernel> kernel = compile_case(c, weights, {});
  ASSERT_TRUE(kernel.ok());
  std::vector<float> dense = weights.to_dense();
  dense[12 * 30 + 7] = dense[12 * 30 + 7] == 0 ? 1.0f : 0.0f;
  const Status status = kernel->update_values(Weights::from_dense({dense.data(), 30, 30, 30}).value());
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().kind, ErrorKind::bad_input);
  EXPECT_THAT(status.error().message, HasSubstr("row 12 column 7"));
  EXPECT_TRUE(check_kernel(*kernel, weights, {}, {.n = 21}, 1, 1));
}

TEST_P(KernelLife, SaveThenLoadComputesTheSameBits) {
  const std::string path = temporary("kernel.smk").string();
  testing::for_each_seed(60, [&](uint32_t seed) -> ::testing::AssertionResult {
    const LayerCase c = testing::random_layer(seed, target());
    const Weights weights = make_weights(c);
    const OwnedParams params(c.problem.epilogue, c.m, seed);
    Result<Kernel> kernel = compile_case(c, weights, params.view());
    if (!kernel.ok()) return ::testing::AssertionFailure() << describe(c) << kernel.error().message;
    if (Status s = kernel->save(path); !s.ok()) return ::testing::AssertionFailure() << s.error().message;
    Result<Kernel> loaded = Kernel::load(path);
    if (!loaded.ok()) return ::testing::AssertionFailure() << describe(c) << loaded.error().message;
    testing::CallBuffers buffers(c.problem, c.m, c.k, c.shape, seed);
    if (!kernel->run(buffers.args()).ok()) return ::testing::AssertionFailure() << "run";
    const std::vector<uint32_t> expected = buffers.y_bits();
    buffers.reset_y();
    if (!loaded->run(buffers.args()).ok()) return ::testing::AssertionFailure() << "run of the loaded kernel";
    if (buffers.y_bits() != expected)
      return ::testing::AssertionFailure() << describe(c) << ": other bits after loading";
    return check_kernel(*loaded, weights, params.view(), c.shape, 1, seed) << describe(c);
  });
  std::filesystem::remove(path);
}

TEST_P(KernelLife, CachedCodeServesOtherValuesAndConstants) {
  const std::string directory = temporary("cache").string();
  LayerCase c{.m = 50, .k = 60, .density = 0.2};
  c.problem.epilogue.activation = Activation::clip;
  c.problem.epilogue.lo = -0.2f;
  c.problem.epilogue.hi = 0.2f;
  const Weights weights = make_weights(c), other = revalued(weights, 4);
  cache_ = std::make_shared<Cache>(CacheOptions{.directory = directory, .warn = {}});
  const Result<Kernel> first = compile_case(c, weights, {});
  ASSERT_TRUE(first.ok()) << first.error().message;
  EXPECT_EQ(first->report().source, BuildReport::Source::built);
  c.problem.epilogue.hi = 3;
  const Result<Kernel> second = compile_case(c, other, {});
  ASSERT_TRUE(second.ok()) << second.error().message;
  EXPECT_EQ(second->report().source, BuildReport::Source::memory_cache);
  cache_ = std::make_shared<Cache>(CacheOptions{.directory = directory, .warn = {}});
  c.problem.epilogue.lo = 0.1f;
  const Result<Kernel> third = compile_case(c, other, {});
  ASSERT_TRUE(third.ok()) << third.error().message;
  EXPECT_EQ(third->report().source, BuildReport::Source::disk_cache);
  EXPECT_TRUE(check_kernel(*first, weights, {}, {.n = 33}, 1, 1));
  EXPECT_TRUE(check_kernel(*second, other, {}, {.n = 33}, 1, 2));
  EXPECT_TRUE(check_kernel(*third, other, {}, {.n = 33}, 1, 3));
  std::filesystem::remove_all(directory);
}

// Large enough that the calls really are divided: by panels, and by tiles when there is one panel.
TEST_P(KernelLife, LargeLayersOnSeveralThreads) {
  for (const int64_t n : {1, 16, 40, 200}) {
    for (const Layout layout : {Layout::plain, Layout::panel}) {
      LayerCase c{.m = 700, .k = 900, .density = 0.2, .target = target(), .shape = {.n = n}, .threads = 4};
      c.problem.x_layout = c.problem.y_layout = layout;
      c.problem.n = n;
      ASSERT_TRUE(check_layer(c));
      c.schedule = Schedule{.tile_rows = 5, .k_block = 300, .n_block = 2};
      ASSERT_TRUE(check_layer(c));
    }
  }
}

TEST_P(KernelLife, OneKernelInManyThreads) {
  LayerCase c{.m = 120, .k = 200, .density = 0.2};
  c.problem.epilogue.activation = Activation::relu;
  const Weights weights = make_weights(c);
  const Result<Kernel> kernel = compile_case(c, weights, {});
  ASSERT_TRUE(kernel.ok());
  std::vector<std::thread> callers;
  for (uint32_t t = 0; t < 4; ++t) {
    callers.emplace_back([&, t] {
      for (int i = 1; i <= 8; ++i) {
        EXPECT_TRUE(check_kernel(*kernel, weights, {}, {.n = 13 * i + t}, 1 + i % 3, t));
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
}

TEST_P(KernelLife, TunedKernelsAreCorrect) {
  LayerCase c{.m = 96, .k = 128, .density = 0.1};
  c.problem.n = 64;
  c.problem.epilogue.bias = true;
  const Weights weights = make_weights(c);
  const OwnedParams params(c.problem.epilogue, c.m, 1);
  CompileOptions options;
  options.target = target();
  options.tune = true;
  options.tune_ms = 20;
  const Result<Kernel> kernel = compile(weights, c.problem, params.view(), options);
  ASSERT_TRUE(kernel.ok()) << kernel.error().message;
  EXPECT_TRUE(kernel->plan().tuned);
  EXPECT_TRUE(check_kernel(*kernel, weights, params.view(), {.n = 64}, 2, 1));
  EXPECT_TRUE(check_kernel(*kernel, weights, params.view(), {.n = 71}, 2, 1));
}

// A budget that is spent at once still compares the best of both forms.
TEST_P(KernelLife, TuningMeasuresEveryForm) {
  LayerCase c{.m = 200, .k = 300, .density = 0.3};
  c.problem.n = 64;
  CompileOptions options;
  options.target = target();
  options.tune = true;
  options.tune_ms = 0;
  const Result<Kernel> kernel = compile(make_weights(c), c.problem, {}, options);
  ASSERT_TRUE(kernel.ok()) << kernel.error().message;
  for (const Form form : {Form::sparse, Form::dense, Form::compact}) {
    EXPECT_TRUE(std::ranges::any_of(kernel->plan().candidates, [&](const Candidate& candidate) {
      return candidate.schedule.form == form && candidate.measured_ns > 0;
    })) << to_string(form);
  }
}

SPARSMITH_FOR_EACH_TARGET(KernelLife);

TEST(CompileErrors, TooLittleMemoryIsAnErrorNotAnException) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers need the address space that this test takes away";
#endif
  // A dense kernel of this shape packs 1 GB of values, a plan for it counts 1 GB of columns.
  const Weights weights = Weights::create(Pattern::create(1, 250'000'000, {0, 1}, {7}).value(), {1.0f}).value();
  const Schedule dense{.form = Form::dense, .tile_rows = 1};
  CompileOptions options;
  options.schedule = &dense;
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    long pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const size_t bytes = static_cast<size_t>(pages) * static_cast<size_t>(sysconf(_SC_PAGESIZE)) + (size_t{500} << 20);
    const rlimit limit{bytes, bytes};
    setrlimit(RLIMIT_AS, &limit);
    const Result<Kernel> kernel = compile(weights, {}, {}, options);
    const Result<Plan> plan = make_plan(weights.pattern(), {}, Target::parse("x86-64-v4").value());
    const bool refused = !kernel.ok() && kernel.error().kind == ErrorKind::unsuitable && !plan.ok() &&
                         plan.error().kind == ErrorKind::unsuitable;
    _exit(refused ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

TEST(CompileErrors, NameTheNumber) {
  const LayerCase c{.m = 6, .k = 5};
  const Weights weights = make_weights(c);
  const auto message = [&](const Problem& problem, const LayerParams& params) {
    const Result<Kernel> kernel = compile(weights, problem, params);
    EXPECT_FALSE(kernel.ok());
    if (kernel.ok()) return std::string();
    EXPECT_EQ(kernel.error().kind, ErrorKind::bad_input);
    return kernel.error().message;
  };
  const std::vector<float> seven(7, 1.0f);
  Problem problem;
  EXPECT_THAT(message(problem, {seven, {}, {}}), HasSubstr("7"));
  problem.epilogue.bias = true;
  EXPECT_THAT(message(problem, {}), HasSubstr("bias of 6 floats"));
  EXPECT_THAT(message(problem, {seven, {}, {}}), HasSubstr("7 were passed"));
  problem = {};
  problem.epilogue.activation = Activation::clip;
  problem.epilogue.lo = 2;
  problem.epilogue.hi = 1;
  EXPECT_NE(message(problem, {}), "");
  problem = {};
  problem.conv = Conv2d{0, 4, 1, 1};
  EXPECT_NE(message(problem, {}), "");
  problem.conv = Conv2d{4, 4, 1, 0};
  EXPECT_NE(message(problem, {}), "");
  problem.conv = Conv2d{4, 4, 1, 1};
  problem.n_fixed = true;
  EXPECT_THAT(message(problem, {}), HasSubstr("n_fixed needs n"));
}

}  // namespace
}  // namespace sparsmith

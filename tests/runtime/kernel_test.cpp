// Kernel's life: made, run, given new values, saved, loaded. The code it runs jumps into the interpreter.
#include "sparsmith/kernel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "kernels/reference.h"
#include "runtime/kernel_impl.h"
#include "sparsmith/target.h"
#include "tests/runtime/call_buffers.h"
#include "tests/runtime/fake_code.h"

namespace sparsmith {
namespace {

using testing::CallBuffers;
using testing::FakeCode;
using ::testing::HasSubstr;
using testing::random_weights;

// The jumps are x86-64 code that the image says needs AVX2.
#define SKIP_WITHOUT_AVX2()                                                                   \
  if (const auto v3 = Target::parse("x86-64-v3"); !v3.ok() || !v3->missing_on_host().empty()) \
  GTEST_SKIP() << "this CPU can't run x86-64-v3 code"

class KernelTest : public ::testing::Test {
 protected:
  void SetUp() override { SKIP_WITHOUT_AVX2(); }

  Kernel make(const Problem& problem, const LayerParams& params = {}) {
    fake_ = std::make_unique<FakeCode>(weights_, problem, schedule_);
    Result<std::shared_ptr<const LoadedCode>> code = load_code(fake_->image());
    EXPECT_TRUE(code.ok());
    Result<Kernel> kernel = make_kernel(code.value(), problem, weights_, params, {});
    EXPECT_TRUE(kernel.ok()) << (kernel.ok() ? "" : kernel.error().message);
    return std::move(kernel.value());
  }

  // Runs and compares with the reference of `weights`.
  void expect_computes(const Kernel& kernel, const Weights& weights, const LayerParams& params = {}, int threads = 1) {
    CallBuffers buffers(kernel.problem(), kernel.m(), kernel.k(), {.n = 53}, 9);
    buffers.args().threads = threads;
    const Reference reference = compute_reference(weights, kernel.problem(), params, buffers.args());
    const Status ran = kernel.run(buffers.args());
    ASSERT_TRUE(ran.ok()) << ran.error().message;
    const Deviation deviation = compare(reference, kernel.problem(), buffers.args());
    EXPECT_TRUE(deviation.ok()) << deviation.describe();
    EXPECT_TRUE(buffers.surroundings_untouched());
  }

  std::string temporary(const std::string& name) {
    return (std::filesystem::path(::testing::TempDir()) / (std::to_string(getpid()) + name)).string();
  }

  Weights weights_ = random_weights(37, 29, 0.3, 5);
  Schedule schedule_{.tile_rows = 8, .panels_per_pass = 2, .k_block = 16};
  std::unique_ptr<FakeCode> fake_;
};

TEST_F(KernelTest, RunsAndTellsWhatItIs) {
  const Kernel kernel = make({});
  EXPECT_EQ(kernel.m(), 37);
  EXPECT_EQ(kernel.k(), 29);
  EXPECT_EQ(kernel.nnz(), weights_.nnz());
  EXPECT_EQ(kernel.symbol(), "sparsmith_fake");
  EXPECT_EQ(kernel.target(), "x86-64-v3");
  EXPECT_EQ(kernel.plan().chosen, schedule_);
  EXPECT_EQ(kernel.report().code_bytes, static_cast<int64_t>(fake_->image().code.size()));
  for (int threads = 1; threads <= 3; ++threads) expect_computes(kernel, weights_, {}, threads);
}

TEST_F(KernelTest, ManyThreadsRunOneKernel) {
  const Kernel kernel = make({});
  std::vector<std::thread> callers;
  for (int t = 0; t < 4; ++t) {
    callers.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) expect_computes(kernel, weights_, {}, 1 + (t + i) % 3);
    });
  }
  for (std::thread& caller : callers) caller.join();
}

TEST_F(KernelTest, KernelsOfOnePatternShareCodeButNotValues) {
  Problem problem;
  problem.epilogue.activation = Activation::clip;
  problem.epilogue.lo = -0.1f;
  problem.epilogue.hi = 0.1f;
  const Kernel first = make(problem);
  std::vector<float> values(weights_.values().begin(), weights_.values().end());
  for (float& value : values) value *= -2;
  const Weights other = std::move(Weights::create(weights_.pattern(), values).value());
  problem.epilogue.lo = -5;
  problem.epilogue.hi = 0.3f;
  const Result<Kernel> second = make_kernel(first.impl().code, problem, other, {}, {});
  ASSERT_TRUE(second.ok());
  expect_computes(*second, other);
  expect_computes(first, weights_);
}

TEST_F(KernelTest, UpdateValuesTakesTheSamePattern) {
  Problem problem;
  problem.epilogue.bias = true;
  std::vector<float> bias(37, 0.5f);
  Kernel kernel = make(problem, {bias, {}, {}});
  std::vector<float> values(weights_.values().size(), 0.0f);
  values[3] = 7;
  const Weights other = std::move(Weights::create(weights_.pattern(), values).value());
  bias[36] = -1;
  ASSERT_TRUE(kernel.update_values(other, {bias, {}, {}}).ok());
  expect_computes(kernel, other, {bias, {}, {}});
}

TEST_F(KernelTest, UpdateValuesRefusesAnotherPatternNamingTheRow) {
  Kernel kernel = make({});
  std::vector<float> dense = weights_.to_dense();
  const auto refused = [&](const Weights& weights, const std::string& part) {
    const Status status = kernel.update_values(weights);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().kind, ErrorKind::bad_input);
    EXPECT_THAT(status.error().message, HasSubstr(part));
    expect_computes(kernel, weights_);
  };
  ASSERT_EQ(dense[0], 0.0f);  // row 0 has no nonzeros
  dense[5] = 1;
  refused(Weights::from_dense({dense.data(), 37, 29, 29}).value(), "in row 0 column 5 has a value");
  dense[5] = 0;
  int64_t at = 20 * 29;
  while (dense[at] == 0) ++at;
  dense[at] = 0;
  refused(Weights::from_dense({dense.data(), 37, 29, 29}).value(),
          "in row " + std::to_string(at / 29) + " column " + std::to_string(at % 29) + " lacks");
  refused(Weights::from_dense({dense.data(), 36, 29, 29}).value(), "36 x 29, but the kernel's pattern is 37 x 29");
}

TEST_F(KernelTest, ParametersMustBeThoseTheEpilogueNames) {
  Problem problem;
  problem.epilogue.bias = true;
  problem.epilogue.activation = Activation::prelu;
  const std::vector<float> full(37, 1.0f);
  Kernel kernel = make(problem, {full, {}, full});
  const auto message = [&](const LayerParams& params) {
    const Status status = kernel.update_values(weights_, params);
    EXPECT_FALSE(status.ok());
    return status.ok() ? std::string() : status.error().message;
  };
  EXPECT_THAT(message({{}, {}, full}), HasSubstr("needs a bias of 37 floats, one per row of the weights; 0"));
  EXPECT_THAT(message({std::span(full).first(36), {}, full}), HasSubstr("; 36 were passed"));
  EXPECT_THAT(message({full, {}, {}}), HasSubstr("needs a PReLU slope of 37"));
  EXPECT_THAT(message({full, full, full}),
              HasSubstr("a row scale of 37 floats was passed, but the epilogue uses none"));
  expect_computes(kernel, weights_, {full, {}, full});
}

TEST_F(KernelTest, CodeOfAnotherProblemIsRefused) {
  const Kernel kernel = make({});
  Problem other;
  other.epilogue.activation = Activation::relu;
  const Result<Kernel> made = make_kernel(kernel.impl().code, other, weights_, {}, {});
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().kind, ErrorKind::internal);
}

TEST_F(KernelTest, SaveThenLoadComputesTheSame) {
  Problem problem;
  problem.epilogue.activation = Activation::leaky_relu;
  problem.epilogue.alpha = 0.3f;
  const Kernel first = make(problem);
  problem.epilogue.alpha = -0.7f;  // a kernel's own constants must be saved, not those of its shared code
  const Result<Kernel> kernel = make_kernel(first.impl().code, problem, weights_, {}, {});
  ASSERT_TRUE(kernel.ok());
  const std::string path = temporary("kernel.smk");
  const Status saved = kernel->save(path);
  ASSERT_TRUE(saved.ok()) << saved.error().message;
  Result<Kernel> loaded = Kernel::load(path);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  EXPECT_EQ(loaded->report().source, BuildReport::Source::artifact);
  EXPECT_EQ(loaded->problem().epilogue, problem.epilogue);
  expect_computes(*loaded, weights_);
  // A loaded kernel takes new values and can be saved again.
  std::vector<float> values(weights_.values().size(), 2.0f);
  const Weights other = std::move(Weights::create(weights_.pattern(), values).value());
  ASSERT_TRUE(loaded->update_values(other).ok());
  ASSERT_TRUE(loaded->save(path).ok());
  const Result<Kernel> again = Kernel::load(path);
  ASSERT_TRUE(again.ok());
  expect_computes(*again, other);
  std::filesystem::remove(path);
}

TEST_F(KernelTest, LoadRefusesDamagedFilesAndMissingOnes) {
  const std::string path = temporary("damaged.smk");
  ASSERT_TRUE(make({}).save(path).ok());
  std::string bytes;
  {
    std::ifstream in(path, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  std::ofstream(path, std::ios::binary) << bytes;
  const Result<Kernel> damaged = Kernel::load(path);
  ASSERT_FALSE(damaged.ok());
  EXPECT_EQ(damaged.error().kind, ErrorKind::bad_input);
  EXPECT_THAT(damaged.error().message, HasSubstr(path));
  std::filesystem::remove(path);
  const Result<Kernel> missing = Kernel::load(path);
  ASSERT_FALSE(missing.ok());
  EXPECT_THAT(missing.error().message, HasSubstr(path));
}

TEST_F(KernelTest, SaveIntoAMissingDirectoryIsAnError) {
  const Status saved = make({}).save(temporary("missing/kernel.smk"));
  ASSERT_FALSE(saved.ok());
  EXPECT_THAT(saved.error().message, HasSubstr("missing/kernel.smk"));
}

// Code for a CPU with a feature that no CPU has together with this one's.
TEST_F(KernelTest, CodeForAnotherCpuIsRefusedByNameOfTheFeature) {
  std::string feature;
  for (const char* name : {"avxvnniint16", "avxvnniint8", "avxneconvert", "avx512vp2intersect", "avx512fp16"}) {
    const auto target = Target::parse(std::string("x86-64-v3,+") + name);
    if (target.ok() && !target->missing_on_host().empty()) feature = name;
  }
  if (feature.empty()) GTEST_SKIP() << "this CPU has every feature that the test knows";
  fake_ = std::make_unique<FakeCode>(weights_, Problem{}, schedule_);
  KernelImage image = fake_->image();
  image.target = Target::parse("x86-64-v3,+" + feature)->to_string();
  Result<std::shared_ptr<const LoadedCode>> code = load_code(std::move(image));
  ASSERT_TRUE(code.ok());
  const Result<Kernel> kernel = make_kernel(*code, {}, weights_, {}, {});
  ASSERT_TRUE(kernel.ok());
  CallBuffers buffers({}, 37, 29, {.n = 5}, 1);
  const Status ran = kernel->run(buffers.args());
  ASSERT_FALSE(ran.ok());
  EXPECT_EQ(ran.error().kind, ErrorKind::unsuitable);
  EXPECT_THAT(ran.error().message, HasSubstr("lacks " + feature));

  const std::string path = temporary("other_cpu.smk");
  ASSERT_TRUE(kernel->save(path).ok());
  const Result<Kernel> loaded = Kernel::load(path);
  ASSERT_FALSE(loaded.ok());
  EXPECT_EQ(loaded.error().kind, ErrorKind::unsuitable);
  EXPECT_THAT(loaded.error().message, HasSubstr("lacks " + feature));
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace sparsmith

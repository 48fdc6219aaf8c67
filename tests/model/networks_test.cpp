// Compiled networks compute what their graphs say: random ones of every kind of layer and whatever stands between
// them, at several batches and numbers of threads.
#include <gtest/gtest.h>

#include <cmath>

#include "lower/compile_graph.h"
#include "ops/evaluator.h"
#include "random_network.h"
#include "sparsmith/model.h"

namespace sparsmith::test {
namespace {

using graph::Tensor;

/// The largest difference over the largest expected magnitude.
double worst(std::span<const float> actual, std::span<const float> expected) {
  double largest = 1e-30, error = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    largest = std::max(largest, std::fabs(static_cast<double>(expected[i])));
    error = std::max(error, std::fabs(static_cast<double>(actual[i]) - static_cast<double>(expected[i])));
    if (std::isnan(actual[i]) != std::isnan(expected[i])) return INFINITY;
  }
  return error / largest;
}

void check_network(const graph::Graph& graph, const std::string& target, unsigned seed) {
  ModelOptions options;
  options.targets = {target};
  auto compiled = lower::compile_graph(graph, options);
  ASSERT_TRUE(compiled.ok()) << compiled.error().message;
  auto model = Model::from_bytes(std::as_bytes(std::span(compiled->artifact)));
  ASSERT_TRUE(model.ok()) << model.error().message;
  for (const int64_t batch : {1, 3, 1, 2}) {
    const auto shapes = ops::declared_shapes(graph, batch);
    const auto evaluator = ops::Evaluator::create(graph, *shapes);
    ASSERT_TRUE(evaluator.ok()) << evaluator.error().message;
    const Tensor x = random_tensor((*shapes)[0], seed + static_cast<unsigned>(batch));
    const auto expected = evaluator->run(std::vector{x});
    ASSERT_TRUE(expected.ok()) << expected.error().message;
    std::vector<Tensor> actual;
    std::vector<void*> outputs;
    for (const Tensor& tensor : *expected) {
      actual.push_back(Tensor::zeros(tensor.type, tensor.shape));
      for (float& v : actual.back().as<float>()) v = NAN;
    }
    for (Tensor& tensor : actual) outputs.push_back(tensor.bytes.data());
    const InputTensor input{x.bytes.data(), x.shape};
    ModelArgs args;
    args.inputs = {&input, 1};
    args.outputs = outputs;
    args.threads = batch == 2 ? 2 : 1;
    const Status ran = model->run(args);
    ASSERT_TRUE(ran.ok()) << ran.error().message;
    for (size_t o = 0; o < actual.size(); ++o) {
      EXPECT_LE(worst(actual[o].as<float>(), (*expected)[o].as<float>()), 1e-5)
          << "output " << o << ", batch " << batch;
    }
  }
}

class Networks : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const auto target = Target::parse(GetParam());
    ASSERT_TRUE(target.ok());
    if (const std::string missing = target->missing_on_host(); !missing.empty()) {
      GTEST_SKIP() << "this CPU lacks " << missing << ", so code for " << GetParam() << " was not run";
    }
  }
};

int sweep() {
  const char* const more = std::getenv("SPARSMITH_SWEEP");
  return more != nullptr ? std::max(1, std::atoi(more)) : 1;
}

TEST_P(Networks, OfImagesComputeWhatTheirGraphSays) {
  for (unsigned seed = 1; seed <= 60u * static_cast<unsigned>(sweep()); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    check_network(RandomNetwork(seed).images(), GetParam(), seed);
    if (HasFatalFailure() || HasNonfatalFailure()) return;
  }
}

TEST_P(Networks, OfRowsComputeWhatTheirGraphSays) {
  for (unsigned seed = 1; seed <= 60u * static_cast<unsigned>(sweep()); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    check_network(RandomNetwork(1000 + seed).rows(), GetParam(), seed);
    if (HasFatalFailure() || HasNonfatalFailure()) return;
  }
}

TEST_P(Networks, OfAttentionComputeWhatTheirGraphSays) {
  for (unsigned seed = 1; seed <= 60u * static_cast<unsigned>(sweep()); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    check_network(RandomNetwork(2000 + seed).encoder(), GetParam(), seed);
    if (HasFatalFailure() || HasNonfatalFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, Networks, testing::Values("x86-64-v4", "x86-64-v3"),
                         [](const auto& target) { return std::string(target.param).substr(7); });

}  // namespace
}  // namespace sparsmith::test

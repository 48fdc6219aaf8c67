// Depthwise convolutions and the 1x1 convolutions behind them in one call: the same bits as in two, without memory for
// what lies between, and not where somebody else reads that.
#include "model/pairs.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "lower/compile_graph.h"
#include "model/model_file.h"
#include "model/session.h"
#include "network.h"
#include "ops/evaluator.h"
#include "sparsmith/model.h"

namespace sparsmith::model {
namespace {

using graph::Tensor;
using Way = FuseOptions::Way;

const std::vector<std::string> kActivations{"none", "relu", "prelu", "clip", "hard_swish", "silu"};

/// Depthwise and 1x1 convolutions on images that no small image's way (Layout::grid, pixels) is taken for.
class Pairs {
 public:
  explicit Pairs(unsigned seed) : net_(seed) {}

  enum class Between { hidden, output, read };
  graph::Graph make(Between between) {
    int64_t c = net_.pick(1, 24), h = net_.pick(40, 72), w = net_.pick(40, 72);
    graph::ValueId x = net_.conv(net_.input("x", {-1, 3, h, w}), 3, c, {.kernel = 3, .pad = 1});
    for (int64_t pairs = net_.pick(1, 3); pairs > 0; --pairs) {
      const int64_t stride = net_.pick(1, 2), m = net_.chance(0.4) ? c : net_.pick(1, 40);
      const int64_t kernel = net_.chance(0.3) ? 5 : 3;
      const graph::ValueId deep =
          net_.conv(x, c, c, {.kernel = kernel, .stride = stride, .pad = kernel / 2, .groups = c}, activation());
      const bool adds = stride == 1 && m == c && net_.chance(0.5);
      x = net_.conv(deep, c, m, {}, activation(), adds ? x : graph::kNoValue, net_.chance(0.5));
      if (between == Between::output) net_.output(deep);
      if (between == Between::read) net_.output(net_.conv(deep, c, 3, {}));
      c = m;
      h = (h - 1) / stride + 1;
      w = (w - 1) / stride + 1;
    }
    if (net_.chance(0.3)) x = net_.conv(x, c, c, {.kernel = 3, .pad = 1});
    net_.output(x);
    return net_.graph();
  }

 private:
  const std::string& activation() {
    return kActivations[static_cast<size_t>(net_.pick(0, static_cast<int64_t>(kActivations.size()) - 1))];
  }

  test::Network net_;
};

size_t count(const std::vector<int32_t>& before) {
  return before.size() - static_cast<size_t>(std::count(before.begin(), before.end(), Work::kNone));
}

class ModelPairs : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const auto target = Target::parse(GetParam());
    ASSERT_TRUE(target.ok());
    if (const std::string missing = target->missing_on_host(); !missing.empty()) {
      GTEST_SKIP() << "this CPU lacks " << missing << ", so code for " << GetParam() << " was not run";
    }
  }
  static CompiledModel compiled(const graph::Graph& graph) {
    ModelOptions options;
    options.targets = {GetParam()};
    auto made = lower::compile_graph(graph, options);
    EXPECT_TRUE(made.ok()) << made.error().message;
    return std::move(*made);
  }
  static ModelBytes read(const CompiledModel& compiled) {
    auto bytes = deserialize(compiled.artifact, "pairs");
    EXPECT_TRUE(bytes.ok()) << bytes.error().message;
    return std::move(*bytes);
  }
};

std::vector<Tensor> run(const Session& session, const Tensor& x, const std::vector<Tensor>& like, int threads) {
  std::vector<Tensor> results;
  std::vector<void*> outputs;
  for (const Tensor& tensor : like) {
    results.push_back(Tensor::zeros(tensor.type, tensor.shape));
    for (float& v : results.back().as<float>()) v = NAN;
  }
  for (Tensor& tensor : results) outputs.push_back(tensor.bytes.data());
  const InputTensor input{x.bytes.data(), x.shape};
  const Status ran = session.run({.inputs = {&input, 1}, .outputs = outputs, .threads = threads});
  EXPECT_TRUE(ran.ok()) << ran.error().message;
  return results;
}

void expect_close(const Tensor& actual, const Tensor& expected) {
  double largest = 1e-30, error = 0;
  for (size_t i = 0; i < expected.as<float>().size(); ++i) {
    const double a = actual.as<float>()[i], e = expected.as<float>()[i];
    ASSERT_FALSE(std::isnan(a)) << "element " << i;
    largest = std::max(largest, std::fabs(e));
    error = std::max(error, std::fabs(a - e));
  }
  EXPECT_LE(error / largest, 1e-5);
}

void check(const graph::Graph& graph, const ModelBytes& bytes, unsigned seed) {
  for (const int64_t batch : {1, 2, 3}) {
    const auto shapes = ops::declared_shapes(graph, batch);
    const auto evaluator = ops::Evaluator::create(graph, *shapes);
    ASSERT_TRUE(evaluator.ok()) << evaluator.error().message;
    Tensor x = Tensor::zeros(ElementType::f32, (*shapes)[0]);
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    for (float& v : x.as<float>()) v = normal(random);
    const auto expected = evaluator->run(std::vector{x});
    ASSERT_TRUE(expected.ok()) << expected.error().message;
    const auto apart = Session::create(bytes.graph, bytes.program, *shapes, Way::separate);
    ASSERT_TRUE(apart.ok()) << apart.error().message;
    const std::vector<Tensor> reference = run(**apart, x, *expected, 1);
    for (size_t o = 0; o < reference.size(); ++o) expect_close(reference[o], (*expected)[o]);
    for (const Way way : {Way::fused, Way::automatic}) {
      const auto session = Session::create(bytes.graph, bytes.program, *shapes, way);
      ASSERT_TRUE(session.ok()) << session.error().message;
      const size_t pairs = count(works_before(bytes.graph, bytes.program, way));
      const int64_t together = (*session)->memory().unshared_bytes, alone = (*apart)->memory().unshared_bytes;
      EXPECT_EQ(together<alone, pairs> 0);
      for (const int threads : {1, 2}) {
        const std::vector<Tensor> actual = run(**session, x, *expected, threads);
        for (size_t o = 0; o < actual.size(); ++o) {
          EXPECT_EQ(std::memcmp(actual[o].bytes.data(), reference[o].bytes.data(), actual[o].bytes.size()), 0)
              << "output " << o << ", batch " << batch << ", " << threads << " threads";
        }
      }
    }
  }
}

TEST_P(ModelPairs, ComputeTheSameInOneCallAsInTwo) {
  size_t pairs = 0;
  for (unsigned seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const graph::Graph graph = Pairs(seed).make(Pairs::Between::hidden);
    const ModelBytes bytes = read(compiled(graph));
    pairs += count(works_before(bytes.graph, bytes.program, Way::fused));
    check(graph, bytes, seed);
    if (HasFatalFailure() || HasNonfatalFailure()) return;
  }
  EXPECT_GE(pairs, 20u) << "the networks should have more that can be joined";
}

TEST_P(ModelPairs, AreNoneWhereSomebodyElseReadsWhatLiesBetween) {
  for (unsigned seed = 1; seed <= 6; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const graph::Graph graph = Pairs(seed).make(seed % 2 == 0 ? Pairs::Between::output : Pairs::Between::read);
    const ModelBytes bytes = read(compiled(graph));
    EXPECT_EQ(count(works_before(bytes.graph, bytes.program, Way::fused)), 0u);
    check(graph, bytes, seed);
    if (HasFatalFailure() || HasNonfatalFailure()) return;
  }
}

TEST_P(ModelPairs, AreTakenWhereImagesAreLargeAndSaySo) {
  test::Network net(1);
  const graph::ValueId x = net.conv(net.input("x", {-1, 3, 224, 224}), 3, 64, {.kernel = 3, .stride = 2, .pad = 1});
  const graph::ValueId deep = net.conv(x, 64, 64, {.kernel = 3, .pad = 1, .groups = 64});
  net.output(net.node("GlobalAveragePool", {net.conv(deep, 64, 64, {})}));
  const CompiledModel made = compiled(net.graph());
  const ModelBytes bytes = read(made);
  const std::vector<int32_t> before = works_before(bytes.graph, bytes.program);
  // 9.6 MB of activations: more than most second-level caches hold, and then it pays.
  const bool pays = count(works_before(bytes.graph, bytes.program)) > 0;
  const auto model = Model::from_bytes(std::as_bytes(std::span(made.artifact)));
  ASSERT_TRUE(model.ok()) << model.error().message;
  size_t said = 0;
  for (size_t w = 0; w < before.size(); ++w) {
    if (before[w] == Work::kNone) continue;
    const auto first = static_cast<size_t>(before[w]);
    said += model->steps()[w].detail.find("with " + model->steps()[first].layer + " before it") != std::string::npos;
    said += model->steps()[first].detail.find("in one call with " + model->steps()[w].layer) != std::string::npos;
  }
  EXPECT_EQ(said, pays ? 2u : 0u);
  check(net.graph(), bytes, 1);
}

INSTANTIATE_TEST_SUITE_P(Targets, ModelPairs, testing::Values("x86-64-v4", "x86-64-v3"),
                         [](const auto& target) { return std::string(target.param).substr(7); });

}  // namespace
}  // namespace sparsmith::model

// A call of a model takes nothing from the heap once one of the same shapes has been made.
#include <gtest/gtest.h>

#include "lower/compile_graph.h"
#include "ops/evaluator.h"
#include "random_network.h"
#include "sparsmith/model.h"
#include "sparsmith/target.h"
#include "tests/runtime/allocations.h"

namespace sparsmith::test {
namespace {

using testing::allocations;

void check_calls(const graph::Graph& graph) {
  ModelOptions options;
  options.targets = {"x86-64-v3"};
  const auto compiled = lower::compile_graph(graph, options);
  ASSERT_TRUE(compiled.ok()) << compiled.error().message;
  const auto model = Model::from_bytes(std::as_bytes(std::span(compiled->artifact)));
  ASSERT_TRUE(model.ok()) << model.error().message;
  const auto shapes = ops::declared_shapes(graph, 2);
  const auto output_shapes = model->output_shapes(*shapes);
  ASSERT_TRUE(output_shapes.ok());
  const auto size = [](const std::vector<int64_t>& shape) {
    return static_cast<size_t>(ops::Type{ElementType::f32, shape, nullptr}.size());
  };
  const std::vector<float> x(size((*shapes)[0]), 0.5f);
  std::vector<std::vector<float>> y;
  std::vector<void*> outputs;
  for (const auto& shape : *output_shapes) y.emplace_back(size(shape));
  for (auto& output : y) outputs.push_back(output.data());
  const InputTensor input{x.data(), (*shapes)[0]};
  for (const int threads : {1, 2}) {
    const ModelArgs args{.inputs = {&input, 1}, .outputs = outputs, .threads = threads};
    ASSERT_TRUE(model->run(args).ok());
    const int64_t before = allocations();
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(model->run(args).ok());
    EXPECT_EQ(allocations() - before, 0) << threads << " threads";
  }
}

TEST(ModelAllocation, CallsAreAllocationFreeAfterTheFirst) {
  if (const auto v3 = Target::parse("x86-64-v3"); !v3.ok() || !v3->missing_on_host().empty()) {
    GTEST_SKIP() << "this CPU can't run x86-64-v3 code";
  }
  for (unsigned seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    check_calls(RandomNetwork(seed).images());
    check_calls(RandomNetwork(seed).encoder());
    check_calls(RandomNetwork(1000 + seed).rows());
  }
}

}  // namespace
}  // namespace sparsmith::test

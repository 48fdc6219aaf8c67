// Batches computed in parts: only where no image knows of another, and then as each by itself.
#include "lower/batch.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <numeric>

#include "lower/compile_graph.h"
#include "ops/evaluator.h"
#include "random_network.h"
#include "sparsmith/caches.h"
#include "sparsmith/model.h"

namespace sparsmith::test {
namespace {

using graph::Tensor;
using graph::ValueId;

Tensor image_of(const Tensor& batch, int64_t image) {
  std::vector<int64_t> shape = batch.shape;
  shape[0] = 1;
  Tensor one = Tensor::zeros(batch.type, shape);
  std::memcpy(one.bytes.data(), batch.bytes.data() + static_cast<size_t>(image) * one.bytes.size(), one.bytes.size());
  return one;
}

/// Whether the reference computes each of three images as it does by itself.
bool are_apart(const graph::Graph& graph, unsigned seed) {
  constexpr int64_t kBatch = 3;
  const auto run = [&](const Tensor& x) {
    const auto evaluator = ops::Evaluator::create(graph, std::vector<std::vector<int64_t>>{x.shape});
    EXPECT_TRUE(evaluator.ok()) << evaluator.error().message;
    return evaluator->run(std::vector{x}).value();
  };
  const Tensor x = random_tensor(ops::declared_shapes(graph, kBatch).value()[0], seed);
  const std::vector<Tensor> together = run(x);
  for (int64_t image = 0; image < kBatch; ++image) {
    const std::vector<Tensor> alone = run(image_of(x, image));
    for (size_t o = 0; o < alone.size(); ++o) {
      if (alone[o].bytes.size() * kBatch != together[o].bytes.size()) return false;
      const auto own = alone[o].as<float>();
      const auto part = together[o].as<float>().subspan(static_cast<size_t>(image) * own.size(), own.size());
      for (size_t i = 0; i < own.size(); ++i) {
        if (std::fabs(own[i] - part[i]) > 1e-5f * std::max(1.0f, std::fabs(own[i]))) return false;
      }
    }
  }
  return true;
}

TEST(Batches, AreApartWhereTheyAreSaidToBe) {
  int apart = 0, all = 0;
  for (unsigned seed = 1; seed <= 60; ++seed) {
    for (const graph::Graph& graph : {RandomNetwork(seed).images(), RandomNetwork(1000 + seed).rows()}) {
      ++all;
      if (!lower::keeps_images_apart(graph)) continue;
      ++apart;
      EXPECT_TRUE(are_apart(graph, seed)) << "seed " << seed;
    }
  }
  EXPECT_GE(apart, all / 2) << "of " << all;
}

/// One operator on [N, 4, 6].
template <class Add>
graph::Graph network_of(const Add& add, const std::vector<int64_t>& shape = {-1, 4, 6}) {
  Network network(7);
  const ValueId x = network.input("x", shape);
  network.output(add(network, x));
  return network.graph();
}

TEST(Batches, AreNotApartWhereAnImageKnowsOfAnother) {
  const auto apart = [](const auto& add) { return lower::keeps_images_apart(network_of(add)); };
  using Integers = std::vector<int64_t>;
  EXPECT_TRUE(apart([](Network& n, ValueId x) { return n.node("Softmax", {x}, {{"axis", int64_t{1}}}); }));
  EXPECT_FALSE(apart([](Network& n, ValueId x) { return n.node("Softmax", {x}, {{"axis", int64_t{0}}}); }));
  EXPECT_FALSE(apart([](Network& n, ValueId x) { return n.node("Softmax", {x}, {{"axis", int64_t{-3}}}); }));
  EXPECT_TRUE(apart([](Network& n, ValueId x) { return n.node("ReduceMean", {x}, {{"axes", Integers{2}}}); }));
  EXPECT_FALSE(apart([](Network& n, ValueId x) {
    return n.node("Sub", {x, n.node("ReduceMean", {x}, {{"axes", Integers{0}}})});
  }));
  EXPECT_TRUE(apart([](Network& n, ValueId x) { return n.node("Transpose", {x}, {{"perm", Integers{0, 2, 1}}}); }));
  EXPECT_FALSE(apart([](Network& n, ValueId x) { return n.node("Transpose", {x}, {{"perm", Integers{1, 0, 2}}}); }));
  EXPECT_TRUE(apart([](Network& n, ValueId x) { return n.node("Reshape", {x, n.integers({-1, 24})}); }));
  EXPECT_FALSE(apart([](Network& n, ValueId x) { return n.node("Reshape", {x, n.integers({24, -1})}); }));
  EXPECT_TRUE(apart([](Network& n, ValueId x) { return n.node("Add", {x, n.constant({1, 4, 6})}); }));
  EXPECT_FALSE(apart([](Network& n, ValueId x) {  // the last images first
    return n.node("Slice", {x, n.integers({-1}), n.integers({-100}), n.integers({0}), n.integers({-1})});
  }));
  EXPECT_FALSE(apart([](Network& n, ValueId x) { return n.node("CumSum", {x, n.integers({0})}); }));
  // Indices count through all images.
  const auto pooled = [](bool indices) {
    return lower::keeps_images_apart(network_of(
        [&](Network& n, ValueId x) {
          const ValueId y = n.node("MaxPool", {x}, {{"kernel_shape", Integers{2, 2}}});
          if (!indices) return y;
          const ValueId where = n.node("Identity", {y});
          n.graph().nodes.pop_back();
          n.graph().nodes.back().outputs.push_back(where);
          return n.node("Cast", {where}, {{"to", int64_t{1}}});
        },
        {-1, 2, 4, 4}));
  };
  EXPECT_TRUE(pooled(false));
  EXPECT_FALSE(pooled(true));
  // Sizes of the batch are no data.
  EXPECT_FALSE(apart([](Network& n, ValueId x) {
    const ValueId size = n.node("Cast", {n.node("Shape", {x})}, {{"to", int64_t{1}}});
    return n.node("Mul", {x, n.node("ReduceSum", {size}, {{"keepdims", int64_t{0}}})});
  }));
  EXPECT_FALSE(lower::keeps_images_apart(network_of([](Network& n, ValueId x) { return n.node("Relu", {x}); }, {2, 4})))
      << "a batch of fixed size";
}

TEST(Batches, InSlicesAreWhatImagesAreAlone) {
  Network network(3);
  const int64_t size = 160, channels = 1 + host_caches().l2 / 2 / (4 * size * size);
  const ValueId x = network.input("x", {-1, 3, size, size});
  const ValueId y = network.node("Relu", {network.conv(x, 3, channels, {.kernel = 3, .pad = 1})});
  network.output(network.node("Flatten", {network.node("GlobalAveragePool", {y})}));
  network.output(network.conv(y, channels, 2, {.kernel = 3, .stride = 2, .pad = 1}));
  ModelOptions options;
  options.targets = {"host"};
  const auto compiled = lower::compile_graph(network.graph(), options);
  ASSERT_TRUE(compiled.ok()) << compiled.error().message;
  const auto model = Model::from_bytes(std::as_bytes(std::span(compiled->artifact)));
  ASSERT_TRUE(model.ok()) << model.error().message;

  const auto run = [&](const Tensor& images, int threads, std::span<int64_t> step_ns = {}) {
    const auto shapes = model->output_shapes(std::vector<std::vector<int64_t>>{images.shape});
    EXPECT_TRUE(shapes.ok());
    std::vector<Tensor> results;
    std::vector<void*> outputs;
    for (const auto& shape : *shapes) results.push_back(Tensor::zeros(ElementType::f32, shape));
    for (Tensor& result : results) outputs.push_back(result.bytes.data());
    const InputTensor input{images.bytes.data(), images.shape};
    const Status ran = model->run({{&input, 1}, outputs, threads, nullptr, step_ns});
    EXPECT_TRUE(ran.ok()) << ran.error().message;
    return results;
  };
  const Tensor images = random_tensor({5, 3, size, size}, 1);
  std::vector<int64_t> step_ns(model->steps().size());
  const auto together = run(images, 1, step_ns), by_threads = run(images, 3);
  EXPECT_EQ(together[0].shape, (std::vector<int64_t>{5, channels}));
  EXPECT_GT(std::accumulate(step_ns.begin(), step_ns.end(), int64_t{0}), 0);
  for (size_t o = 0; o < together.size(); ++o) {
    EXPECT_EQ(together[o].bytes, by_threads[o].bytes);
    for (int64_t image = 0; image < 5; ++image) {
      EXPECT_EQ(image_of(together[o], image).bytes, run(image_of(images, image), 1)[o].bytes) << "image " << image;
    }
  }
  // More than any memory holds is refused, not begun.
  EXPECT_FALSE(model->output_shapes(std::vector<std::vector<int64_t>>{{int64_t{1} << 40, 3, size, size}}).ok());
  // Working memory is a slice's, not the batch's.
  EXPECT_EQ(model->memory(std::vector<std::vector<int64_t>>{images.shape})->activation_bytes,
            model->memory(std::vector<std::vector<int64_t>>{{1, 3, size, size}})->activation_bytes);
}

}  // namespace
}  // namespace sparsmith::test

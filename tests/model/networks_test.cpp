// Compiled networks compute what their graphs say: random ones of every kind of layer and whatever stands between
// them, at several batches and numbers of threads.
#include <gtest/gtest.h>

#include <cmath>

#include "lower/compile_graph.h"
#include "network.h"
#include "ops/evaluator.h"
#include "sparsmith/model.h"

namespace sparsmith::test {
namespace {

using graph::Tensor;
using graph::ValueId;

/// An image or a matrix of a network in the making.
struct Image {
  ValueId id;
  int64_t c, h, w;
};

const std::vector<std::string> kActivations{"none",         "relu",    "leaky_relu", "prelu", "clip",     "hard_swish",
                                            "hard_sigmoid", "sigmoid", "silu",       "tanh",  "gelu_erf", "gelu_tanh"};

class Maker {
 public:
  explicit Maker(unsigned seed) : net_(seed) {}

  graph::Graph image_network() {
    Image x{net_.input("x", {-1, net_.pick(1, 5), 0, 0}), 0, net_.pick(1, 40), net_.pick(1, 40)};
    auto& shape = *net_.graph().values[0].shape;
    x.c = shape[1].size;
    shape[2].size = x.h;
    shape[3].size = x.w;
    for (int64_t layers = net_.pick(1, 7); layers > 0; --layers) x = next(x);
    if (net_.chance(0.3)) net_.output(x.id);
    if (net_.chance(0.5)) {
      const ValueId mean = net_.node("GlobalAveragePool", {x.id});
      const ValueId flat = net_.node("Flatten", {mean}, {{"axis", int64_t{1}}});
      net_.output(net_.matmul(flat, x.c, net_.pick(1, 40)));
    } else {
      net_.output(net_.conv(x.id, x.c, net_.pick(1, 20), {}, "none"));
    }
    return net_.graph();
  }

  graph::Graph rows_network() {
    int64_t k = net_.pick(1, 60);
    const int64_t rows = net_.chance(0.4) ? 1 : net_.pick(2, 40);
    ValueId x = net_.input("x", {-1, rows, k});
    for (int64_t layers = net_.pick(1, 5); layers > 0; --layers) {
      const int64_t m = net_.chance(0.3) ? k : net_.pick(1, 70);
      ValueId y = net_.matmul(x, k, m, activation(), m == k && net_.chance(0.5) ? x : graph::kNoValue);
      if (net_.chance(0.3)) y = net_.node("Mul", {y, net_.constant({m})});
      if (net_.chance(0.3)) y = net_.node("Sigmoid", {y});
      if (net_.chance(0.3)) y = net_.node("Softmax", {y}, {{"axis", int64_t{-1}}});
      if (m == k && net_.chance(0.4)) y = net_.node("Add", {x, y});
      x = y;
      k = m;
    }
    net_.output(x);
    return net_.graph();
  }

 private:
  std::string activation() { return kActivations[static_cast<size_t>(net_.pick(0, 11))]; }

  Image next(const Image& x) {
    switch (net_.pick(0, 11)) {
      case 0:
      case 1:
        return pointwise(x);
      case 2:
      case 3:
        return spatial(x, 1);
      case 4:
        return spatial(x, x.c);
      case 5:
        return residual(x);
      case 6:
        return squeeze_and_excite(x);
      case 7:
        return {net_.node(net_.chance(0.5) ? "Sigmoid" : "HardSwish", {x.id}), x.c, x.h, x.w};
      case 8:
        return fire(x);
      case 9:
        return pool(x);
      case 10:
        return {net_.node("Transpose", {x.id}, {{"perm", std::vector<int64_t>{0, 1, 3, 2}}}), x.c, x.w, x.h};
      default:
        return pointwise(x);
    }
  }

  Image pointwise(const Image& x) {
    const int64_t m = net_.pick(1, 40), stride = net_.chance(0.2) ? 2 : 1;
    return {net_.conv(x.id, x.c, m, {.stride = stride}, activation()), m, (x.h - 1) / stride + 1,
            (x.w - 1) / stride + 1};
  }
  Image spatial(const Image& x, int64_t groups) {
    Network::Window w{.kernel = 2 * net_.pick(0, 2) + 1,
                      .stride = net_.pick(1, 2),
                      .pad = 0,
                      .dilation = net_.pick(1, 2),
                      .groups = groups};
    const int64_t reach = (w.kernel - 1) * w.dilation + 1;
    w.pad = net_.chance(0.7) ? reach / 2 : net_.pick(0, reach / 2);
    if (x.h + 2 * w.pad < reach || x.w + 2 * w.pad < reach) w.pad = reach / 2;
    const int64_t m = groups > 1 ? groups * net_.pick(1, 2) : net_.pick(1, 24);
    const auto out = [&](int64_t size) { return (size + 2 * w.pad - reach) / w.stride + 1; };
    return {net_.conv(x.id, x.c, m, w, activation()), m, out(x.h), out(x.w)};
  }
  /// x + f(x), before or after the activation.
  Image residual(const Image& x) {
    const ValueId inner = net_.conv(x.id, x.c, 9, {}, activation());
    if (net_.chance(0.5)) {
      return {net_.conv(inner, 9, x.c, {}, activation(), x.id, net_.chance(0.5)), x.c, x.h, x.w};
    }
    return {net_.conv(inner, 9, x.c, {.kernel = 3, .pad = 1}, activation(), x.id, net_.chance(0.5)), x.c, x.h, x.w};
  }
  Image squeeze_and_excite(const Image& x) {
    ValueId scale = net_.node("GlobalAveragePool", {x.id});
    scale = net_.conv(scale, x.c, 3, {}, "relu");
    scale = net_.node("Sigmoid", {net_.conv(scale, 3, x.c, {}, "none")});
    const bool swapped = net_.chance(0.3);
    return {net_.node("Mul", swapped ? std::vector{scale, x.id} : std::vector{x.id, scale}), x.c, x.h, x.w};
  }
  Image fire(const Image& x) {
    const ValueId squeezed = net_.conv(x.id, x.c, 4, {}, "relu");
    const ValueId one = net_.conv(squeezed, 4, 5, {}, "relu");
    const ValueId three = net_.conv(squeezed, 4, 6, {.kernel = 3, .pad = 1}, "relu");
    return {net_.node("Concat", {one, three}, {{"axis", int64_t{1}}}), 11, x.h, x.w};
  }
  Image pool(const Image& x) {
    const int64_t kernel = net_.pick(1, 3), stride = net_.pick(1, 2), pad = kernel / 2;
    const bool ceil = net_.chance(0.3), largest = net_.chance(0.5);
    std::map<std::string, graph::Attribute, std::less<>> attributes{
        {"kernel_shape", std::vector<int64_t>{kernel, kernel}},
        {"strides", std::vector<int64_t>{stride, stride}},
        {"pads", std::vector<int64_t>{pad, pad, pad, pad}},
        {"ceil_mode", int64_t{ceil}}};
    if (!largest) attributes["count_include_pad"] = int64_t{net_.chance(0.5)};
    if (x.h + 2 * pad < kernel || x.w + 2 * pad < kernel) return x;
    const ValueId id = net_.node(largest ? "MaxPool" : "AveragePool", {x.id}, attributes);
    const auto out = [&](int64_t size) {
      const int64_t room = size + 2 * pad - kernel;
      int64_t count = (ceil ? (room + stride - 1) / stride : room / stride) + 1;
      if (ceil && (count - 1) * stride >= size + pad) --count;
      return count;
    };
    return {id, x.c, out(x.h), out(x.w)};
  }

  Network net_;
};

Tensor random_input(std::vector<int64_t> shape, unsigned seed) {
  Tensor tensor = Tensor::zeros(ElementType::f32, std::move(shape));
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  for (float& v : tensor.as<float>()) v = normal(random);
  return tensor;
}

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
    const Tensor x = random_input((*shapes)[0], seed + static_cast<unsigned>(batch));
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
    check_network(Maker(seed).image_network(), GetParam(), seed);
    if (HasFatalFailure() || HasNonfatalFailure()) return;
  }
}

TEST_P(Networks, OfRowsComputeWhatTheirGraphSays) {
  for (unsigned seed = 1; seed <= 60u * static_cast<unsigned>(sweep()); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    check_network(Maker(1000 + seed).rows_network(), GetParam(), seed);
    if (HasFatalFailure() || HasNonfatalFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, Networks, testing::Values("x86-64-v4", "x86-64-v3"),
                         [](const auto& target) { return std::string(target.param).substr(7); });

}  // namespace
}  // namespace sparsmith::test

// Operators over single elements, with and without stretching.
#include <cmath>
#include <limits>

#include "run_node.h"

namespace sparsmith::test {
namespace {

using testing::ElementsAre;
using testing::FloatNear;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN(), kInf = std::numeric_limits<float>::infinity();

std::vector<float> map(const std::string& op, const std::vector<float>& x, const Attributes& attributes = {}) {
  return elements<float>(
      result_of({.op = op, .inputs = {floats({static_cast<int64_t>(x.size())}, x)}, .attributes = attributes}));
}

TEST(Unary, AgreesWithDoubleArithmetic) {
  struct Case {
    const char* op;
    double (*f)(double);
  };
  const Case cases[] = {
      {"Abs", [](double x) { return std::fabs(x); }},
      {"Ceil", [](double x) { return std::ceil(x); }},
      {"Erf", [](double x) { return std::erf(x); }},
      {"Exp", [](double x) { return std::exp(x); }},
      {"Floor", [](double x) { return std::floor(x); }},
      {"Gelu", [](double x) { return x * 0.5 * (1 + std::erf(x / std::sqrt(2.0))); }},
      {"HardSigmoid", [](double x) { return std::fmin(1, std::fmax(0, 0.2 * x + 0.5)); }},
      {"HardSwish", [](double x) { return x * std::fmin(1, std::fmax(0, x / 6 + 0.5)); }},
      {"Neg", [](double x) { return -x; }},
      {"Reciprocal", [](double x) { return 1 / x; }},
      {"Relu", [](double x) { return x < 0 ? 0 : x; }},
      {"Sigmoid", [](double x) { return 1 / (1 + std::exp(-x)); }},
      {"Sign", [](double x) { return double((x > 0) - (x < 0)); }},
      {"Softplus", [](double x) { return std::log1p(std::exp(x)); }},
      {"Tanh", [](double x) { return std::tanh(x); }},
      {"LeakyRelu", [](double x) { return x < 0 ? 0.01 * x : x; }},
      {"Elu", [](double x) { return x < 0 ? std::exp(x) - 1 : x; }},
  };
  std::vector<float> x;
  for (int i = -40; i <= 40; ++i) x.push_back(static_cast<float>(i) * 0.23f + 0.01f);
  for (const Case& one : cases) {
    const std::vector<float> y = map(one.op, x);
    for (size_t i = 0; i < x.size(); ++i) {
      const double right = one.f(double{x[i]});
      EXPECT_NEAR(y[i], right, 4e-7 * std::fmax(1, std::fabs(right))) << one.op << " of " << x[i];
    }
  }
  for (const char* op : {"Log", "Sqrt"}) {
    const std::vector<float> y = map(op, {0.25f, 1, 9});
    EXPECT_NEAR(y[2], op[0] == 'L' ? std::log(9.0) : 3.0, 1e-6);
  }
}

TEST(Unary, NotANumberStaysThat) {
  for (const char* op : {"Relu", "Clip", "LeakyRelu", "HardSigmoid", "Sigmoid", "Tanh", "Erf", "Gelu", "Abs", "Elu"}) {
    EXPECT_TRUE(std::isnan(map(op, {kNan})[0])) << op;
  }
}

TEST(Unary, RoundGoesToTheEvenNeighbour) {
  EXPECT_THAT(map("Round", {-2.5f, -1.5f, 0.5f, 1.5f, 2.4f}), ElementsAre(-2, -2, 0, 2, 2));
}

TEST(Unary, ClipTakesItsBoundsAsTheOpsetHasThem) {
  const auto x = floats({3}, {-1, 3, 9});
  EXPECT_THAT(elements<float>(result_of({.op = "Clip", .inputs = {x, floats({}, {0}), floats({}, {6})}})),
              ElementsAre(0, 3, 6));
  EXPECT_THAT(elements<float>(result_of({.op = "Clip", .inputs = {x, std::nullopt, floats({}, {6})}})),
              ElementsAre(-1, 3, 6));
  EXPECT_THAT(elements<float>(
                  result_of({.op = "Clip", .inputs = {x}, .attributes = {{"min", 0.0f}, {"max", 6.0f}}, .opset = 10})),
              ElementsAre(0, 3, 6));
}

TEST(Unary, GeluInItsTanhForm) {
  const float x = 0.7f;
  const double right = 0.5 * 0.7 * (1 + std::tanh(std::sqrt(2 / M_PI) * (0.7 + 0.044715 * 0.7 * 0.7 * 0.7)));
  EXPECT_THAT(map("Gelu", {x}, {{"approximate", std::string("tanh")}}), ElementsAre(FloatNear(float(right), 1e-6f)));
  expect_bad({.op = "Gelu", .inputs = {floats({1}, {1})}, .attributes = {{"approximate", std::string("cubic")}}},
             "none and tanh");
}

TEST(Unary, DropoutKeepsEverything) {
  const auto results = run_node({.op = "Dropout", .inputs = {floats({2}, {1, 2})}, .outputs = 2});
  ASSERT_TRUE(results.ok());
  EXPECT_THAT(elements<float>((*results)[0]), ElementsAre(1, 2));
  EXPECT_THAT(elements<uint8_t>((*results)[1]), ElementsAre(1, 1));
}

TEST(Binary, StretchesShapesToEachOther) {
  const std::vector<std::vector<int64_t>> shapes = {{},        {1},       {3},       {2, 1},   {2, 3},
                                                    {4, 1, 3}, {4, 2, 1}, {1, 2, 3}, {4, 1, 1}};
  for (const auto& shape_a : shapes) {
    for (const auto& shape_b : shapes) {
      graph::Tensor a = graph::Tensor::zeros(graph::ElementType::f32, shape_a);
      graph::Tensor b = graph::Tensor::zeros(graph::ElementType::f32, shape_b);
      for (int64_t i = 0; i < a.size(); ++i) a.as<float>()[i] = static_cast<float>(i + 1);
      for (int64_t i = 0; i < b.size(); ++i) b.as<float>()[i] = static_cast<float>(100 * (i + 1));
      const graph::Tensor y = result_of({.op = "Sub", .inputs = {a, b}});
      // Index arithmetic over three dimensions, written the slow way.
      const auto padded = [](const std::vector<int64_t>& shape) {
        std::vector<int64_t> result(3 - shape.size(), 1);
        result.insert(result.end(), shape.begin(), shape.end());
        return result;
      };
      const auto pa = padded(shape_a), pb = padded(shape_b), py = padded(y.shape);
      const auto at = [](const std::vector<int64_t>& s, int64_t i, int64_t j, int64_t k) {
        return ((s[0] == 1 ? 0 : i) * s[1] + (s[1] == 1 ? 0 : j)) * s[2] + (s[2] == 1 ? 0 : k);
      };
      for (int64_t i = 0; i < py[0]; ++i) {
        for (int64_t j = 0; j < py[1]; ++j) {
          for (int64_t k = 0; k < py[2]; ++k) {
            ASSERT_EQ(y.as<float>()[at(py, i, j, k)], a.as<float>()[at(pa, i, j, k)] - b.as<float>()[at(pb, i, j, k)])
                << graph::shape_text(shape_a) << " - " << graph::shape_text(shape_b);
          }
        }
      }
    }
  }
  EXPECT_TRUE(result_of({.op = "Add", .inputs = {floats({0, 3}, {}), floats({3}, {1, 2, 3})}}).bytes.empty());
  expect_bad({.op = "Add", .inputs = {floats({2}, {1, 2}), floats({3}, {1, 2, 3})}}, "[2] and [3]");
}

TEST(Binary, IntegersWrapAndDivideByZeroToZero) {
  const auto compute = [](const std::string& op, int64_t a, int64_t b) {
    return elements<int64_t>(result_of({.op = op, .inputs = {longs({}, {a}), longs({}, {b})}}))[0];
  };
  EXPECT_EQ(compute("Div", 7, 2), 3);
  EXPECT_EQ(compute("Div", -7, 2), -3);
  EXPECT_EQ(compute("Div", 7, 0), 0);
  EXPECT_EQ(compute("Div", INT64_MIN, -1), INT64_MIN);
  EXPECT_EQ(compute("Add", INT64_MAX, 1), INT64_MIN);
  EXPECT_EQ(compute("Mul", INT64_MAX, 2), -2);
}

TEST(Binary, MaxAndMinKeepNotANumber) {
  for (const char* op : {"Max", "Min"}) {
    const auto y = elements<float>(result_of({.op = op, .inputs = {floats({2}, {kNan, 1}), floats({2}, {1, kInf})}}));
    EXPECT_TRUE(std::isnan(y[0])) << op;
    EXPECT_EQ(y[1], op[1] == 'a' ? kInf : 1);
  }
}

TEST(Binary, ComparisonsAndWhere) {
  const auto less = result_of({.op = "Less", .inputs = {floats({3}, {1, 2, kNan}), floats({}, {2})}});
  EXPECT_EQ(less.type, graph::ElementType::boolean);
  EXPECT_THAT(elements<uint8_t>(less), ElementsAre(1, 0, 0));
  EXPECT_THAT(elements<int64_t>(
                  result_of({.op = "Where", .inputs = {booleans({2, 1}, {1, 0}), longs({2}, {5, 6}), longs({}, {9})}})),
              ElementsAre(5, 6, 9, 9));
}

TEST(Binary, PReluStretchesItsSlopeOnly) {
  EXPECT_THAT(elements<float>(result_of(
                  {.op = "PRelu", .inputs = {floats({1, 2, 2}, {-1, 2, -3, 4}), floats({2, 1}, {0.5f, 0.25f})}})),
              ElementsAre(-0.5f, 2, -0.75f, 4));
  expect_bad({.op = "PRelu", .inputs = {floats({1}, {1}), floats({2}, {1, 2})}}, "doesn't stretch");
}

TEST(Ops, UnknownOperatorsNameThemselvesAndTheKnownOnes) {
  const auto result = run_node({.op = "Einsum", .inputs = {floats({1}, {1})}});
  ASSERT_FALSE(result.ok());
  EXPECT_THAT(result.error().message, testing::HasSubstr("Einsum node \"n\""));
  EXPECT_THAT(result.error().hint, testing::HasSubstr("Add"));
}

TEST(Ops, WrongNumbersAndTypesOfInputs) {
  expect_bad({.op = "Relu", .inputs = {}}, "has 0 inputs; it needs 1");
  expect_bad({.op = "Add", .inputs = {floats({1}, {1})}}, "has 1 inputs; it needs 2");
  expect_bad({.op = "Relu", .inputs = {longs({1}, {1})}}, "float32 is expected");
  expect_bad({.op = "Add", .inputs = {floats({1}, {1}), longs({1}, {1})}}, "one type is expected");
  expect_bad({.op = "LeakyRelu", .inputs = {floats({1}, {1})}, .attributes = {{"alpha", int64_t{1}}}},
             "attribute alpha that isn't a number");
}

TEST(Ops, StretchedSizesPastAnyMemory) {
  const int64_t n = int64_t{1} << 21;
  graph::Graph graph;
  graph.opset = 17;
  graph::Node node;
  node.op = "Add";
  node.name = "n";
  node.outputs = {0};
  graph.values.resize(1);
  const std::vector<std::optional<ops::Type>> inputs = {ops::Type{graph::ElementType::f32, {n, 1}, nullptr},
                                                        ops::Type{graph::ElementType::f32, {1, n}, nullptr}};
  const auto made = ops::make(graph, node, inputs);
  ASSERT_FALSE(made.ok());
  EXPECT_THAT(made.error().message, testing::HasSubstr("more than any memory"));
}

}  // namespace
}  // namespace sparsmith::test

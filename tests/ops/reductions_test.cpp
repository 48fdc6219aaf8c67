// Reductions over every choice of dimensions.
#include <cmath>
#include <limits>

#include "random_tensor.h"

namespace sparsmith::test {
namespace {

using testing::ElementsAre;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

struct Reduction {
  const char* op;
  double start;
  double (*join)(double, double);
  double (*finish)(double, double);
};
const Reduction kReductions[] = {
    {"ReduceL1", 0, [](double a, double x) { return a + std::fabs(x); }, [](double a, double) { return a; }},
    {"ReduceL2", 0, [](double a, double x) { return a + x * x; }, [](double a, double) { return std::sqrt(a); }},
    {"ReduceMax", -INFINITY, [](double a, double x) { return std::fmax(a, x); }, [](double a, double) { return a; }},
    {"ReduceMean", 0, [](double a, double x) { return a + x; }, [](double a, double n) { return a / n; }},
    {"ReduceMin", INFINITY, [](double a, double x) { return std::fmin(a, x); }, [](double a, double) { return a; }},
    {"ReduceProd", 1, [](double a, double x) { return a * x; }, [](double a, double) { return a; }},
    {"ReduceSum", 0, [](double a, double x) { return a + x; }, [](double a, double) { return a; }},
    {"ReduceSumSquare", 0, [](double a, double x) { return a + x * x; }, [](double a, double) { return a; }},
};

TEST(Reduce, EveryChoiceOfDimensionsAsAttributeAndAsInput) {
  for (const std::vector<int64_t>& shape :
       {std::vector<int64_t>{2, 3, 1, 5}, std::vector<int64_t>{3, 2, 2, 300}, std::vector<int64_t>{37, 1, 2, 3}}) {
    const auto x = random_floats(shape, 1);
    for (unsigned mask = 0; mask < 16; ++mask) {
      std::vector<int64_t> axes;
      for (int64_t d = 0; d < 4; ++d) {
        if ((mask >> d & 1) != 0) axes.push_back(d % 2 == 0 ? d : d - 4);
      }
      const unsigned reduced = mask == 0 ? 15 : mask;
      for (const Reduction& reduction : kReductions) {
        for (const bool as_input : {false, true}) {
          const auto keep = int64_t{mask % 2};
          NodeCase node{.op = reduction.op, .inputs = {x}, .attributes = {{"keepdims", keep}}};
          node.opset = as_input ? 18 : 12;
          if (as_input && mask != 0) node.inputs.push_back(longs({static_cast<int64_t>(axes.size())}, axes));
          if (!as_input && mask != 0) node.attributes["axes"] = axes;
          const auto y = result_of(node);

          std::vector<int64_t> kept_shape, shown;
          double count = 1;
          for (int64_t d = 0; d < 4; ++d) {
            const bool gone = (reduced >> d & 1) != 0;
            kept_shape.push_back(gone ? 1 : shape[d]);
            if (!gone || keep != 0) shown.push_back(kept_shape.back());
            if (gone) count *= static_cast<double>(shape[d]);
          }
          ASSERT_EQ(y.shape, shown);
          std::vector<double> right(static_cast<size_t>(y.size()), reduction.start);
          for (int64_t i = 0; i < x.size(); ++i) {
            int64_t rest = i, to = 0, inner = 1;
            for (int64_t d = 3; d >= 0; --d) {
              to += rest % shape[d] % kept_shape[d] * inner;
              inner *= kept_shape[d];
              rest /= shape[d];
            }
            right[to] = reduction.join(right[to], double{x.as<float>()[i]});
          }
          for (int64_t i = 0; i < y.size(); ++i) {
            const double wanted = reduction.finish(right[i], count);
            ASSERT_NEAR(y.as<float>()[i], wanted, 1e-6 * std::fabs(wanted) + 1e-5)
                << reduction.op << " over " << graph::shape_text(axes) << " of " << graph::shape_text(shape);
          }
        }
      }
    }
  }
}

TEST(Reduce, AxesAreAnInputOfReduceSumFrom13On) {
  const auto x = floats({2, 2}, {1, 2, 3, 4});
  EXPECT_THAT(elements<float>(result_of({.op = "ReduceSum", .inputs = {x, longs({1}, {0})}, .opset = 13})),
              ElementsAre(4, 6));
  EXPECT_THAT(elements<float>(result_of(
                  {.op = "ReduceMean", .inputs = {x}, .attributes = {{"axes", std::vector<int64_t>{0}}}, .opset = 17})),
              ElementsAre(2, 3));
  expect_bad({.op = "ReduceMean", .inputs = {x, longs({1}, {0})}, .opset = 17}, "has 2 inputs; it needs 1");
  expect_bad({.op = "ReduceSum", .inputs = {x, longs({1}, {0})}, .opset = 13, .constants = false},
             "must be a constant");
}

TEST(Reduce, NoAxesAreAllUnlessTheNodeSaysNone) {
  const auto x = floats({2, 2}, {1, 2, 3, 4});
  EXPECT_THAT(elements<float>(result_of({.op = "ReduceSum", .inputs = {x, longs({0}, {})}})), ElementsAre(10));
  EXPECT_THAT(
      elements<float>(result_of(
          {.op = "ReduceSum", .inputs = {x, longs({0}, {})}, .attributes = {{"noop_with_empty_axes", int64_t{1}}}})),
      ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(result_of({.op = "ReduceSum", .inputs = {floats({}, {7})}}).shape, ElementsAre());
}

TEST(Reduce, IntegersWrapAround) {
  const auto longest = longs({3}, {INT64_MAX, 1, 2});
  const auto reduce = [](const char* op, const graph::Tensor& x) {
    return result_of({.op = op, .inputs = {x}, .attributes = {{"keepdims", int64_t{0}}}});
  };
  EXPECT_EQ(reduce("ReduceSum", longest).as<int64_t>()[0], INT64_MIN + 2);
  EXPECT_EQ(reduce("ReduceProd", longest).as<int64_t>()[0], -2);
  EXPECT_EQ(reduce("ReduceMax", longest).as<int64_t>()[0], INT64_MAX);
  EXPECT_EQ(reduce("ReduceMin", longest).as<int64_t>()[0], 1);
  const auto ints = tensor_of<int32_t>(graph::ElementType::i32, {2}, {INT32_MAX, -3});
  EXPECT_EQ(reduce("ReduceSum", ints).as<int32_t>()[0], INT32_MAX - 3);
  EXPECT_EQ(reduce("ReduceMin", ints).as<int32_t>()[0], -3);
  expect_bad({.op = "ReduceMean", .inputs = {longest}}, "float32 is expected");
  expect_bad({.op = "ReduceSum", .inputs = {booleans({1}, {1})}}, "float32, int64 and int32");
}

TEST(Reduce, NotANumberAndNothing) {
  for (const char* op : {"ReduceMax", "ReduceMin", "ReduceSum", "ReduceMean", "ReduceL2"}) {
    for (const int64_t axis : {0, 1}) {
      graph::Tensor x = graph::Tensor::zeros(graph::ElementType::f32, {20, 20});
      x.as<float>()[20 * 7 + 18] = kNan;
      const auto y = elements<float>(
          result_of({.op = op, .inputs = {x}, .attributes = {{"axes", std::vector<int64_t>{axis}}}, .opset = 12}));
      for (int i = 0; i < 20; ++i) EXPECT_EQ(std::isnan(y[i]), i == (axis == 0 ? 18 : 7)) << op;
    }
  }
  const auto empty = [](const char* op) {
    return result_of({.op = op,
                      .inputs = {floats({2, 0}, {})},
                      .attributes = {{"axes", std::vector<int64_t>{1}}},
                      .opset = 12})
        .as<float>()[1];
  };
  EXPECT_EQ(empty("ReduceSum"), 0);
  EXPECT_EQ(empty("ReduceProd"), 1);
  EXPECT_EQ(empty("ReduceMax"), -INFINITY);
  EXPECT_TRUE(std::isnan(empty("ReduceMean")));
  EXPECT_TRUE(result_of({.op = "ReduceSum",
                         .inputs = {floats({0, 3}, {})},
                         .attributes = {{"axes", std::vector<int64_t>{1}}},
                         .opset = 12})
                  .bytes.empty());
}

TEST(Reduce, SaysWhatIsWrong) {
  const auto x = floats({2, 2}, {1, 2, 3, 4});
  expect_bad({.op = "ReduceSum", .inputs = {x, longs({2}, {1, -1})}}, "names axis -1 twice");
  expect_bad({.op = "ReduceSum", .inputs = {x}, .attributes = {{"axes", std::vector<int64_t>{1}}}, .opset = 13},
             "from opset 13 on they are an input");
  expect_bad({.op = "ReduceSum", .inputs = {x, longs({1}, {2})}}, "axis 2 of 2 dimensions");
}

}  // namespace
}  // namespace sparsmith::test

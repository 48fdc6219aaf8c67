// Operators that change, say and compute shapes.
#include "run_node.h"

namespace sparsmith::test {
namespace {

using testing::ElementsAre;
using Shape = std::vector<int64_t>;

graph::Tensor list(const Shape& values) { return longs({static_cast<int64_t>(values.size())}, values); }
graph::Tensor zeros(const Shape& shape) { return graph::Tensor::zeros(graph::ElementType::f32, shape); }

TEST(Shapes, Reshape) {
  const auto x = floats({2, 3}, {1, 2, 3, 4, 5, 6});
  const auto shape = [](const graph::Tensor& input, const Shape& wanted, bool zero_is_zero = false) {
    return result_of(
               {.op = "Reshape", .inputs = {input, list(wanted)}, .attributes = {{"allowzero", int64_t{zero_is_zero}}}})
        .shape;
  };
  EXPECT_THAT(elements<float>(result_of({.op = "Reshape", .inputs = {x, list({3, -1})}})),
              ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ(shape(x, {3, -1}), (Shape{3, 2}));
  EXPECT_EQ(shape(x, {0, -1, 1}), (Shape{2, 3, 1}));
  EXPECT_EQ(shape(zeros({0, 3}), {0, 4}, true), (Shape{0, 4}));
  EXPECT_EQ(shape(zeros({0, 3}), {-1, 3}), (Shape{0, 3}));
  EXPECT_EQ(shape(floats({1}, {1}), {}), Shape{});
  const auto refuse = [&](const Shape& wanted) {
    expect_bad({.op = "Reshape", .inputs = {x, list(wanted)}}, "can't give float32 [2, 3] the shape");
  };
  refuse({4});
  refuse({-1, -1});
  refuse({-2, 3});
  refuse({4, -1});
  refuse({6, 1, 0});
  expect_bad({.op = "Reshape", .inputs = {x, list({INT64_MAX, INT64_MAX})}}, "more than any memory");
  expect_bad({.op = "Reshape", .inputs = {x, list({0, -1})}, .attributes = {{"allowzero", int64_t{1}}}}, "can't give");
  expect_bad({.op = "Reshape", .inputs = {x, floats({1}, {6})}}, "int64 or int32");
}

TEST(Shapes, FlattenSqueezeUnsqueeze) {
  const auto flat = [](int64_t axis) {
    return result_of({.op = "Flatten", .inputs = {zeros({2, 3, 4})}, .attributes = {{"axis", axis}}}).shape;
  };
  EXPECT_EQ(flat(0), (Shape{1, 24}));
  EXPECT_EQ(flat(1), (Shape{2, 12}));
  EXPECT_EQ(flat(3), (Shape{24, 1}));
  EXPECT_EQ(flat(-1), (Shape{6, 4}));
  expect_bad({.op = "Flatten", .inputs = {zeros({2})}, .attributes = {{"axis", int64_t{2}}}}, "axis 2");

  const auto x = zeros({1, 3, 1});
  EXPECT_EQ(result_of({.op = "Squeeze", .inputs = {x}}).shape, Shape{3});
  EXPECT_EQ(result_of({.op = "Squeeze", .inputs = {x, list({-1})}}).shape, (Shape{1, 3}));
  EXPECT_EQ(result_of({.op = "Squeeze", .inputs = {x}, .attributes = {{"axes", Shape{0}}}, .opset = 11}).shape,
            (Shape{3, 1}));
  expect_bad({.op = "Squeeze", .inputs = {x, list({1})}}, "isn't of size 1");
  EXPECT_EQ(result_of({.op = "Unsqueeze", .inputs = {x, list({-1, 1})}}).shape, (Shape{1, 1, 3, 1, 1}));
  EXPECT_EQ(result_of({.op = "Unsqueeze", .inputs = {x}, .attributes = {{"axes", Shape{0}}}, .opset = 11}).shape,
            (Shape{1, 1, 3, 1}));
  expect_bad({.op = "Unsqueeze", .inputs = {x, list({0, 0})}}, "twice");
  expect_bad({.op = "Unsqueeze", .inputs = {x}, .opset = 11}, "lacks its axes");
}

TEST(Shapes, ShapeIsKnownBeforeAnythingRuns) {
  graph::Graph graph;
  graph.opset = 15;
  graph.values.resize(2);
  graph::Node node{.name = "n", .domain = "", .op = "Shape", .inputs = {0}, .outputs = {1}, .attributes = {}};
  node.attributes["start"] = int64_t{-2};
  const std::vector<std::optional<ops::Type>> types = {ops::Type{graph::ElementType::f16, {2, 3, 4}, nullptr}};
  const auto made = ops::make(graph, node, types);
  ASSERT_TRUE(made.ok());
  EXPECT_EQ((*made)->known(0), list({3, 4}));
  node.op = "Flatten";
  node.attributes.clear();
  EXPECT_EQ(ops::make(graph, node, types).value()->known(0), std::nullopt);
}

TEST(Shapes, ShapeAndSize) {
  const auto part = [](const Attributes& attributes, int64_t opset = 15) {
    return elements<int64_t>(
        result_of({.op = "Shape", .inputs = {zeros({2, 3, 4})}, .attributes = attributes, .opset = opset}));
  };
  EXPECT_THAT(part({}), ElementsAre(2, 3, 4));
  EXPECT_THAT(part({{"start", int64_t{1}}, {"end", int64_t{-1}}}), ElementsAre(3));
  EXPECT_THAT(part({{"start", int64_t{2}}, {"end", int64_t{1}}}), ElementsAre());
  EXPECT_THAT(part({{"start", INT64_MIN}, {"end", INT64_MAX}}), ElementsAre(2, 3, 4));
  EXPECT_THAT(part({{"start", int64_t{1}}}, 13), ElementsAre(2, 3, 4));
  const auto size = result_of({.op = "Size", .inputs = {zeros({2, 3, 4})}});
  EXPECT_EQ(size, longs({}, {24}));
}

TEST(Shapes, ConstantOfShapeAndRange) {
  EXPECT_EQ(result_of({.op = "ConstantOfShape", .inputs = {list({2, 2})}}), floats({2, 2}, {0, 0, 0, 0}));
  EXPECT_EQ(result_of({.op = "ConstantOfShape", .inputs = {list({3})}, .attributes = {{"value", longs({1}, {7})}}}),
            longs({3}, {7, 7, 7}));
  expect_bad({.op = "ConstantOfShape", .inputs = {list({int64_t{1} << 41})}}, "more than any memory");
  expect_bad({.op = "ConstantOfShape", .inputs = {list({-1})}}, "more than any memory");
  expect_bad({.op = "ConstantOfShape", .inputs = {list({1})}, .attributes = {{"value", longs({2}, {7, 8})}}},
             "one element");

  const auto range = [](int64_t start, int64_t limit, int64_t step) {
    return elements<int64_t>(
        result_of({.op = "Range", .inputs = {longs({}, {start}), longs({}, {limit}), longs({}, {step})}}));
  };
  EXPECT_THAT(range(0, 10, 3), ElementsAre(0, 3, 6, 9));
  EXPECT_THAT(range(5, 0, -2), ElementsAre(5, 3, 1));
  EXPECT_THAT(range(5, 5, 1), ElementsAre());
  EXPECT_THAT(range(0, -5, 1), ElementsAre());
  EXPECT_THAT(range(INT64_MIN, INT64_MAX, INT64_MAX), ElementsAre(INT64_MIN, -1, INT64_MAX - 1));
  EXPECT_THAT(range(INT64_MAX, INT64_MIN, INT64_MIN), ElementsAre(INT64_MAX, -1));
  EXPECT_EQ(result_of({.op = "Range", .inputs = {floats({}, {1}), floats({}, {2}), floats({}, {0.25f})}}),
            floats({4}, {1, 1.25f, 1.5f, 1.75f}));
  const auto refuse = [](const graph::Tensor& start, const graph::Tensor& limit, const graph::Tensor& step,
                         const std::string& part) {
    expect_bad({.op = "Range", .inputs = {start, limit, step}}, part);
  };
  refuse(longs({}, {0}), longs({}, {1}), longs({}, {0}), "step of 0");
  refuse(longs({}, {INT64_MIN}), longs({}, {INT64_MAX}), longs({}, {1}), "more than any memory");
  refuse(floats({}, {0}), floats({}, {1}), floats({}, {NAN}), "isn't finite");
  refuse(floats({}, {0}), floats({}, {3e38f}), floats({}, {1e-30f}), "more than any memory");
  refuse(floats({}, {0}), longs({}, {1}), floats({}, {1}), "of one type");
}

}  // namespace
}  // namespace sparsmith::test

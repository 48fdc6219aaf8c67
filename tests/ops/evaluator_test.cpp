// Graphs made ready and run: folding, shapes, lifetimes of values.
#include "ops/evaluator.h"

#include "run_node.h"

namespace sparsmith::test {
namespace {

using graph::Graph;
using graph::kNoValue;
using graph::ValueId;
using ops::Evaluator;
using testing::ElementsAre;
using testing::HasSubstr;

/// Builds graphs by value names.
class Builder {
 public:
  Builder() { graph.opset = 17; }
  ValueId input(const std::string& name, const std::vector<int64_t>& shape) {
    const ValueId id = add(name);
    value(id).type = graph::ElementType::f32;
    value(id).shape.emplace();
    for (const int64_t size : shape) value(id).shape->push_back({size, {}});
    graph.inputs.push_back(id);
    return id;
  }
  ValueId constant(const std::string& name, graph::Tensor tensor) {
    const ValueId id = add(name);
    value(id).constant = std::make_shared<const graph::Tensor>(std::move(tensor));
    return id;
  }
  ValueId node(const std::string& op, std::vector<ValueId> inputs, const Attributes& attributes = {}) {
    const ValueId id = add(op + std::to_string(graph.nodes.size()));
    graph.nodes.push_back({"", "", op, std::move(inputs), {id}, attributes});
    return id;
  }
  graph::Value& value(ValueId id) { return graph.values[static_cast<size_t>(id)]; }

  Graph graph;

 private:
  ValueId add(const std::string& name) {
    graph.values.push_back({name, {}, {}, nullptr});
    return static_cast<ValueId>(graph.values.size() - 1);
  }
};

Evaluator evaluator_of(const Graph& graph, const std::vector<std::vector<int64_t>>& shapes) {
  auto evaluator = Evaluator::create(graph, shapes);
  if (!evaluator) throw std::runtime_error(evaluator.error().message);
  return std::move(*evaluator);
}

TEST(Evaluator, FoldsWhatFollowsFromConstantsAndShapes) {
  Builder b;
  const ValueId x = b.input("x", {-1, 6});
  const ValueId one = b.constant("one", floats({}, {1}));
  const ValueId two = b.node("Add", {one, one});
  // x in rows of its own first dimension: the target shape follows from x's shape.
  const ValueId rows = b.node("Gather", {b.node("Shape", {x}), b.constant("first", longs({1}, {0}))});
  const ValueId target = b.node("Concat", {rows, b.constant("rest", longs({2}, {2, 3}))}, {{"axis", int64_t{0}}});
  const ValueId y = b.node("Mul", {b.node("Reshape", {x, target}), two});
  b.graph.outputs = {y};
  for (const int64_t n : {1, 4}) {
    const Evaluator evaluator = evaluator_of(b.graph, {{n, 6}});
    EXPECT_THAT(evaluator.type(y).shape, ElementsAre(n, 2, 3));
    ASSERT_NE(evaluator.type(two).constant, nullptr);
    EXPECT_EQ(evaluator.type(two).constant->as<float>()[0], 2);
    EXPECT_NE(evaluator.type(target).constant, nullptr);
    int left = 0;
    for (size_t i = 0; i < b.graph.nodes.size(); ++i) left += evaluator.op(i) != nullptr;
    EXPECT_EQ(left, 2);
    std::vector<float> values(static_cast<size_t>(n * 6), 3);
    const auto outputs = evaluator.run(std::vector{floats({n, 6}, values)});
    ASSERT_TRUE(outputs.ok()) << outputs.error().message;
    EXPECT_EQ((*outputs)[0].as<float>()[0], 6);
  }
}

TEST(Evaluator, AnInputMayBeAnOutputAndAConstantToo) {
  Builder b;
  const ValueId x = b.input("x", {2}), c = b.constant("c", floats({1}, {7}));
  b.graph.outputs = {x, c, b.node("Relu", {x})};
  const auto outputs = evaluator_of(b.graph, {{2}}).run(std::vector{floats({2}, {-1, 5})});
  ASSERT_TRUE(outputs.ok());
  EXPECT_THAT(elements<float>((*outputs)[0]), ElementsAre(-1, 5));
  EXPECT_THAT(elements<float>((*outputs)[1]), ElementsAre(7));
  EXPECT_THAT(elements<float>((*outputs)[2]), ElementsAre(0, 5));
}

TEST(Evaluator, NamesEveryOperatorThatIsntSupported) {
  Builder b;
  const ValueId x = b.input("x", {1});
  b.graph.outputs = {b.node("Einsum", {b.node("Loop", {x})})};
  b.graph.nodes[1].domain = "com.example";
  const auto evaluator = Evaluator::create(b.graph, std::vector<std::vector<int64_t>>{{1}});
  ASSERT_FALSE(evaluator.ok());
  EXPECT_THAT(evaluator.error().message, HasSubstr("Loop"));
  EXPECT_THAT(evaluator.error().message, HasSubstr("com.example"));
  EXPECT_THAT(evaluator.error().hint, HasSubstr("Conv"));
}

TEST(Evaluator, ShapesThatContradictTheDeclaredOnes) {
  Builder b;
  b.graph.outputs = {b.node("Relu", {b.input("x", {-1, 3})})};
  for (const std::vector<int64_t>& shape : {std::vector<int64_t>{1, 4}, {3}, {-1, 3}}) {
    const auto evaluator = Evaluator::create(b.graph, std::vector<std::vector<int64_t>>{shape});
    ASSERT_FALSE(evaluator.ok());
    EXPECT_THAT(evaluator.error().message, HasSubstr("input \"x\" can't be of shape"));
  }
  EXPECT_FALSE(Evaluator::create(b.graph, {}).ok());
  const Evaluator evaluator = evaluator_of(b.graph, {{1, 3}});
  const auto outputs = evaluator.run(std::vector{floats({3}, {1, 2, 3})});
  ASSERT_FALSE(outputs.ok());
  EXPECT_THAT(outputs.error().message, HasSubstr("float32 [1, 3] is expected"));
}

TEST(Evaluator, DeclaredShapesTakeTheUnknownAsGiven) {
  Builder b;
  const ValueId x = b.input("x", {-1, 3});
  b.graph.outputs = {x};
  const auto shapes = ops::declared_shapes(b.graph, 5);
  ASSERT_TRUE(shapes.ok());
  EXPECT_THAT(*shapes, ElementsAre(ElementsAre(5, 3)));
  b.value(x).shape.reset();
  EXPECT_FALSE(ops::declared_shapes(b.graph).ok());
}

TEST(Evaluator, LargeConstantsOfSmallModelsAreLeftToRun) {
  Builder b;
  const ValueId shape = b.constant("shape", longs({2}, {1 << 12, 1 << 12}));
  b.graph.outputs = {b.node("ConstantOfShape", {shape})};
  const Evaluator evaluator = evaluator_of(b.graph, {});
  EXPECT_EQ(evaluator.type(b.graph.outputs[0]).constant, nullptr);
  const auto outputs = evaluator.run({});
  ASSERT_TRUE(outputs.ok());
  EXPECT_EQ((*outputs)[0].size(), int64_t{1} << 24);
}

}  // namespace
}  // namespace sparsmith::test

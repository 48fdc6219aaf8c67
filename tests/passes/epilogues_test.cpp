// Activations and residuals that layers take in, in every combination, and those they can't.
#include "activations.h"

namespace sparsmith::test {
namespace {

ValueId matmul(Builder& b, ValueId x) {
  return b.node("Add", {b.node("MatMul", {x, b.random({3, 3})}), b.random({3})});
}
ValueId layer(Builder& b, ValueId x, bool image) { return image ? conv(b, x) : matmul(b, x); }
ValueId image_or_rows(Builder& b, const std::string& name, bool image) {
  return b.input(name, image ? std::vector<int64_t>{-1, 3, 2, 4} : std::vector<int64_t>{-1, 2, 3});
}

TEST(Epilogue, TakesActivationAndResidual) {
  for (const int64_t opset : kOpsets) {
    for (const Activation& activation : kActivations) {
      if (opset < activation.since) continue;
      for (const bool image : {false, true}) {
        for (const char* const residual : {"", "before_activation", "after_activation"}) {
          Builder b(opset);
          ValueId y = layer(b, image_or_rows(b, "x", image), image);
          const auto add = [&] { y = b.node("Add", {y, image_or_rows(b, "r", image)}); };
          if (residual == std::string("before_activation")) add();
          y = activation.make(b, y, image);
          if (residual == std::string("after_activation")) add();
          b.graph.outputs = {y};
          const Graph result = check(b.graph);
          const graph::Node& left = only_node(result);
          EXPECT_EQ(left.op, image ? "Conv" : "MatMul");
          EXPECT_EQ(text_of(left, "activation"), activation.name);
          EXPECT_EQ(text_of(left, "residual"), residual);
        }
      }
    }
  }
}

TEST(Epilogue, StopsAtValuesThatOthersRead) {
  for (const Activation& activation : kActivations) {
    for (const bool output : {false, true}) {
      Builder b(20);
      const ValueId y = layer(b, image_or_rows(b, "x", true), true);
      b.graph.outputs = {activation.make(b, y, true), output ? y : b.node("Neg", {y})};
      const Graph result = check(b.graph);
      for (const graph::Node& node : result.nodes)
        EXPECT_TRUE(node.op != "Conv" || text_of(node, "activation") == "none");
    }
  }
}

TEST(Epilogue, OneActivationOnly) {
  Builder b;
  const ValueId y = conv(b, image_or_rows(b, "x", true));
  const ValueId sum = b.node("Add", {b.node("Relu", {y}), image_or_rows(b, "r", true)});
  b.graph.outputs = {b.node("Sigmoid", {sum})};
  EXPECT_EQ(left_of(b.graph), "Sigmoid sparsmith.Conv");
  Builder twice;
  twice.graph.outputs = {twice.node("Tanh", {twice.node("Relu", {conv(twice, image_or_rows(twice, "x", true))})})};
  EXPECT_EQ(left_of(twice.graph), "Tanh sparsmith.Conv");
}

TEST(Epilogue, OneResidualOnly) {
  Builder b;
  const ValueId sum = b.node("Add", {conv(b, image_or_rows(b, "x", true)), image_or_rows(b, "r", true)});
  b.graph.outputs = {b.node("Relu", {b.node("Add", {image_or_rows(b, "s", true), sum})})};
  EXPECT_EQ(left_of(b.graph), "Add Relu sparsmith.Conv");
}

TEST(Epilogue, TheLaterOfTwoLayersTakesTheOther) {
  for (const bool swapped : {false, true}) {
    Builder b;
    const ValueId x = image_or_rows(b, "x", true), first = conv(b, x), second = b.node("Relu", {conv(b, x)});
    b.graph.outputs = {b.node("Add", swapped ? std::vector{second, first} : std::vector{first, second})};
    const Graph result = check(b.graph);
    ASSERT_EQ(operators(result), "sparsmith.Conv sparsmith.Conv");
    EXPECT_EQ(result.nodes[1].inputs[3], result.nodes[0].outputs[0]);
    EXPECT_EQ(text_of(result.nodes[1], "residual"), "after_activation");
  }
}

TEST(Epilogue, AResidualMadeBehindTheLayerIsThereWhenItRuns) {
  Builder b;
  const ValueId x = image_or_rows(b, "x", true), y = conv(b, x);
  b.graph.outputs = {b.node("Relu", {b.node("Add", {y, b.node("Exp", {b.node("Neg", {x})})})})};
  const Graph result = check(b.graph);
  EXPECT_EQ(operators(result), "Exp Neg sparsmith.Conv");
  EXPECT_EQ(result.nodes.back().op, "Conv");
}

TEST(Epilogue, ResidualsOfOtherShapesStay) {
  const auto left = [](const std::vector<int64_t>& other, bool constant) {
    Builder b;
    const ValueId y = conv(b, b.input("x", {-1, 3, 2, 4}));
    b.graph.outputs = {b.node("Add", {constant ? b.random(other) : b.input("r", other), y})};
    return left_of(b.graph);
  };
  EXPECT_EQ(left({-1, 3, 2, 4}, false), "sparsmith.Conv");
  EXPECT_EQ(left({1, 3, 2, 4}, false), "Add sparsmith.Conv");  // of one sample for all
  EXPECT_EQ(left({-1, 3, 1, 1}, false), "Add sparsmith.Conv");
  EXPECT_EQ(left({2, 4}, false), "Add sparsmith.Conv");
  EXPECT_EQ(left({1, 3, 2, 4}, true), "Add sparsmith.Conv");
  EXPECT_EQ(left({1, 3, 1, 1}, true), "sparsmith.Conv");  // a bias
  Builder doubled;
  const ValueId y = conv(doubled, image_or_rows(doubled, "x", true));
  doubled.graph.outputs = {doubled.node("Add", {y, y})};
  EXPECT_EQ(left_of(doubled.graph), "Add sparsmith.Conv");
  // The layer's own result is what stretches.
  Builder stretched;
  const ValueId small = conv(stretched, stretched.input("x", {-1, 3, 1, 1}));
  stretched.graph.outputs = {stretched.node("Add", {small, stretched.input("r", {-1, 3, 2, 4})})};
  EXPECT_EQ(left_of(stretched.graph), "Add sparsmith.Conv");
}

TEST(Epilogue, SlopesOfPixelsStay) {
  Builder b;
  b.graph.outputs = {b.node("PRelu", {conv(b, b.input("x", {-1, 3, 2, 3})), b.random({3})})};
  EXPECT_EQ(left_of(b.graph), "PRelu sparsmith.Conv");
  Builder computed;
  const ValueId y = conv(computed, image_or_rows(computed, "x", true));
  computed.graph.outputs = {computed.node("PRelu", {y, computed.input("s", {3, 1, 1})})};
  EXPECT_EQ(left_of(computed.graph), "PRelu sparsmith.Conv");
}

TEST(Epilogue, WholeBlocksBecomeLayers) {
  for (const int64_t opset : kOpsets) {
    Builder b(opset);
    const ValueId x = image_or_rows(b, "x", true);
    const auto norm = [&](ValueId y) {
      return b.node("BatchNormalization", {y, b.random({3}), b.random({3}), b.random({3}), b.positive({3})});
    };
    const ValueId y = b.node("Relu", {norm(conv(b, x))});
    const ValueId z = b.node("Relu", {b.node("Add", {norm(conv(b, y)), norm(conv(b, x))})});
    // Squeeze and excitation: the scale is computed, so that it stays.
    const ValueId pooled = b.node("GlobalAveragePool", {z});
    const ValueId scale = b.node("HardSigmoid", {conv(b, b.node("Relu", {conv(b, pooled)}))});
    b.graph.outputs = {b.node("Mul", {z, scale})};
    EXPECT_EQ(left_of(b.graph),
              "GlobalAveragePool Mul sparsmith.Conv sparsmith.Conv sparsmith.Conv sparsmith.Conv sparsmith.Conv");
  }
}

}  // namespace
}  // namespace sparsmith::test

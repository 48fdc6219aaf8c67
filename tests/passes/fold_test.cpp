// Constants, copies, padding.
#include "builder.h"

namespace sparsmith::test {
namespace {

TEST(Constants, AreFoldedWhereTheBatchDoesNotMatter) {
  Builder b;
  const ValueId x = b.input("x", {-1, 2, 3}), two = b.node("Add", {b.number(1), b.number(1)});
  const ValueId shape = b.node("Shape", {x});
  const ValueId channels = b.node("Gather", {shape, b.constant(longs({1}, {1}))});
  const ValueId batch = b.node("Gather", {shape, b.constant(longs({1}, {0}))});
  const ValueId target = b.node("Concat", {batch, channels, b.constant(longs({2}, {3, 1}))}, {{"axis", int64_t{0}}});
  b.graph.outputs = {b.node("Mul", {b.node("Reshape", {x, target}), two})};
  b.node("Relu", {x});  // nobody reads it
  // The batch, and what is made of it, stays; the number of channels doesn't.
  EXPECT_EQ(left_of(b.graph), "Concat Gather Mul Reshape Shape");
}

TEST(Constants, OfShapesOfFixedInputsAreFoldedWhole) {
  Builder b;
  const ValueId x = b.input("x", {1, 2, 3});
  const ValueId rows = b.node("Gather", {b.node("Shape", {x}), b.constant(longs({1}, {2}))});
  const ValueId target = b.node("Concat", {rows, b.constant(longs({1}, {-1}))}, {{"axis", int64_t{0}}});
  b.graph.outputs = {b.node("Reshape", {x, target})};
  EXPECT_EQ(left_of(b.graph), "Reshape");
}

TEST(Constants, OfAModelThatTakesOneBatchOnlyDependOnItStill) {
  Builder b;
  const ValueId x = b.input("x", {-1, 4});
  const ValueId sum = b.node("Add", {b.number(1), b.number(2)});
  const ValueId batch = b.node("Cast", {b.node("Shape", {x})}, {{"to", int64_t{1}}});
  const ValueId rows = b.node("Reshape", {x, b.constant(longs({2}, {2, 2}))});  // of one sample
  b.graph.outputs = {b.node("Mul", {rows, sum}), batch};
  const Graph result = simplified(b.graph);
  expect_sound(result);
  EXPECT_EQ(operators(result), "Cast Mul Reshape Shape");
  const std::vector inputs{random_floats({1, 4}, 1)};
  EXPECT_EQ(outputs_of(result, inputs), outputs_of(b.graph, inputs));
}

TEST(Copies, AreDropped) {
  for (const int64_t opset : kOpsets) {
    Builder b(opset);
    const ValueId x = b.input("x", {-1, 1, 4, 1});
    ValueId y = b.node("Relu", {b.node("Identity", {x})});
    y = b.node("Dropout", {y});
    y = b.node("Cast", {y}, {{"to", int64_t{1}}});
    y = b.node("Transpose", {y}, {{"perm", std::vector<int64_t>{0, 3, 2, 1}}});
    y = b.node("Reshape", {y, b.constant(longs({4}, {0, 1, 4, 1}))});
    y = b.pad(y, std::vector<int64_t>(8));
    b.graph.outputs = {b.node("Identity", {y})};
    EXPECT_EQ(left_of(b.graph), "Relu") << opset;
  }
}

TEST(Copies, ThatChangeSomethingStay) {
  Builder b;
  const ValueId x = b.input("x", {-1, 2, 2, 3});
  b.graph.outputs = {b.node("Transpose", {x}, {{"perm", std::vector<int64_t>{0, 2, 1, 3}}}),
                     b.node("Reshape", {x, b.constant(longs({3}, {0, 2, 6}))}),
                     b.node("Cast", {x}, {{"to", int64_t{7}}}), b.pad(x, {0, 0, 1, 0, 0, 0, -1, 0}),
                     b.node("Identity", {x})};
  // The identity gives an output that is the input its name.
  EXPECT_EQ(left_of(b.graph), "Cast Identity Pad Reshape Transpose");
}

TEST(Copies, OutputsKeepTheirNames) {
  Builder b;
  const ValueId x = b.input("x", {-1, 2}), y = b.node("Relu", {x});
  // y is an output itself; its copies are outputs of other names. z isn't, and takes over its first copy's.
  const ValueId z = b.node("Neg", {y});
  b.graph.outputs = {y, b.node("Identity", {y}), b.node("Identity", {z}), b.node("Identity", {z}), b.node("Exp", {z})};
  EXPECT_EQ(left_of(b.graph), "Exp Identity Identity Neg Relu");
}

TEST(Pads, GoIntoTheConvolution) {
  for (const int64_t opset : kOpsets) {
    Builder b(opset);
    const ValueId x = b.input("x", {-1, 2, 5, 6}), w = b.random({3, 2, 3, 3});
    b.graph.outputs = {
        b.node("Conv", {b.pad(x, {0, 0, 1, 0, 0, 0, 2, 1}), w}, {{"pads", std::vector<int64_t>{1, 0, 0, 0}}})};
    const Graph result = check(b.graph);
    EXPECT_EQ(std::get<std::vector<int64_t>>(only_node(result).attributes.at("pads")),
              (std::vector<int64_t>{2, 0, 2, 1}));
  }
}

TEST(Pads, OfNamedAxesToo) {
  Builder b(18);
  const ValueId x = b.input("x", {-1, 2, 5, 6});
  const ValueId padded = b.node("Pad", {x, b.constant(longs({2}, {1, 2})), kNoValue, b.constant(longs({1}, {-1}))});
  b.graph.outputs = {b.node("Conv", {padded, b.random({3, 2, 3, 3})})};
  EXPECT_EQ(std::get<std::vector<int64_t>>(only_node(check(b.graph)).attributes.at("pads")),
            (std::vector<int64_t>{0, 1, 0, 2}));
}

TEST(Pads, OfOtherKindsStay) {
  const auto left = [](const std::vector<int64_t>& pads, float with, const std::string& mode, bool twice) {
    Builder b;
    const ValueId x = b.input("x", {-1, 2, 5, 6}), padded = b.pad(x, pads, with, mode);
    const int64_t channels = 2 + pads[1] + pads[5];
    b.graph.outputs = {b.node("Conv", {padded, b.random({3, channels, 3, 3})})};
    if (twice) b.graph.outputs.push_back(b.node("Relu", {padded}));
    return left_of(b.graph);
  };
  EXPECT_EQ(left({0, 0, 1, 1, 0, 0, 1, 1}, 0, "constant", false), "sparsmith.Conv");
  EXPECT_EQ(left({0, 0, 1, 1, 0, 0, 1, 1}, 0.5f, "constant", false), "Pad sparsmith.Conv");
  EXPECT_EQ(left({0, 0, 1, 1, 0, 0, 1, 1}, 0, "reflect", false), "Pad sparsmith.Conv");
  EXPECT_EQ(left({0, 1, 1, 1, 0, 0, 1, 1}, 0, "constant", false), "Pad sparsmith.Conv");
  EXPECT_EQ(left({0, 0, -1, 1, 0, 0, 1, 1}, 0, "constant", false), "Pad sparsmith.Conv");
  EXPECT_EQ(left({0, 0, 3, 1, 0, 0, 1, 1}, 0, "constant", false), "Pad sparsmith.Conv");
  EXPECT_EQ(left({0, 0, 1, 1, 0, 0, 1, 1}, 0, "constant", true), "Pad Relu sparsmith.Conv");
}

TEST(Pads, GoIntoPoolsWhereZerosAreRight) {
  const std::vector<int64_t> pads{0, 0, 1, 1, 0, 0, 1, 1}, window{3, 3};
  const auto left = [&](const std::string& pool, bool positive, const Attributes& more) {
    Builder b;
    ValueId x = b.input("x", {-1, 2, 6, 6});
    if (positive) x = b.node("Relu", {x});
    Attributes attributes{{"kernel_shape", window}};
    attributes.insert(more.begin(), more.end());
    b.graph.outputs = {b.node(pool, {b.pad(x, pads)}, attributes)};
    return left_of(b.graph);
  };
  const Attributes padded{{"pads", std::vector<int64_t>{1, 0, 1, 0}}};
  Attributes counted = padded;
  counted["count_include_pad"] = int64_t{1};
  EXPECT_EQ(left("AveragePool", false, {}), "AveragePool");
  EXPECT_EQ(left("AveragePool", false, padded), "AveragePool Pad");
  EXPECT_EQ(left("AveragePool", false, counted), "AveragePool");
  EXPECT_EQ(left("AveragePool", false, {{"ceil_mode", int64_t{1}}, {"strides", window}}), "AveragePool Pad");
  EXPECT_EQ(left("MaxPool", false, {}), "MaxPool Pad");
  EXPECT_EQ(left("MaxPool", true, {}), "MaxPool Relu");
  EXPECT_EQ(left("MaxPool", true, {{"dilations", std::vector<int64_t>{2, 2}}}), "MaxPool Pad Relu");
}

TEST(Simplify, SaysWhatTheEvaluatorSays) {
  Builder b;
  b.graph.outputs = {b.node("Einsum", {b.input("x", {-1, 2})})};
  const auto result = passes::simplify(b.graph);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().kind, ErrorKind::bad_input);
  EXPECT_THAT(result.error().message, testing::HasSubstr("Einsum"));
}

TEST(Simplify, LongChainsTakeTimeInProportion) {
  Builder b;
  ValueId x = b.input("x", {1, 2});
  for (int i = 0; i < 20000; ++i) x = b.node(i % 2 == 0 ? "Mul" : "Identity", {x, b.number(1)});
  for (graph::Node& node : b.graph.nodes) {
    if (node.op == "Identity") node.inputs.resize(1);
  }
  b.graph.outputs = {x};
  EXPECT_EQ(simplified(b.graph).nodes.size(), 10000u);
}

TEST(Simplify, SharedWeightsDoNotMultiply) {
  Builder b;
  const ValueId w = b.random({512, 512});  // 1 MiB
  ValueId x = b.input("x", {1, 512});
  for (int i = 0; i < 200; ++i) x = b.node("Mul", {b.node("MatMul", {x, w}), b.random({512})});
  b.graph.outputs = {x};
  const Graph result = simplified(b.graph);
  size_t bytes = 0;
  for (const graph::Value& value : result.values) bytes += value.constant == nullptr ? 0 : value.constant->bytes.size();
  EXPECT_LE(bytes, size_t{80} << 20);
}

}  // namespace
}  // namespace sparsmith::test

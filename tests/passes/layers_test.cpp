// Products with constant weights as layers, and what moves into their weights and bias.
#include "builder.h"

namespace sparsmith::test {
namespace {

TEST(Layers, ConvolutionsOfEveryForm) {
  for (const int64_t opset : kOpsets) {
    for (const char* const automatic : {"NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"}) {
      for (const bool bias : {false, true}) {
        Builder b(opset);
        std::vector<ValueId> inputs{b.input("x", {-1, 4, 7, 6}), b.random({6, 2, 3, 2})};
        if (bias) inputs.push_back(b.random({6}));
        Attributes attributes{{"group", int64_t{2}},
                              {"kernel_shape", std::vector<int64_t>{3, 2}},
                              {"strides", std::vector<int64_t>{2, 1}},
                              {"auto_pad", std::string(automatic)}};
        if (std::string(automatic) == "NOTSET") attributes["pads"] = std::vector<int64_t>{1, 0, 2, 1};
        b.graph.outputs = {b.node("Conv", inputs, attributes)};
        const Graph result = check(b.graph);
        const graph::Node& layer = only_node(result);
        EXPECT_EQ(layer.op, "Conv");
        EXPECT_EQ(layer.domain, "sparsmith");
        EXPECT_EQ(text_of(layer, "activation"), "none");
        EXPECT_FALSE(layer.attributes.contains("auto_pad"));
      }
    }
  }
  Builder line;
  line.graph.outputs = {line.node("Conv", {line.input("x", {-1, 2, 9}), line.random({3, 2, 4})})};
  EXPECT_EQ(left_of(line.graph), "sparsmith.Conv");
}

TEST(Layers, PadsThatDependOnTheImageStayWithOnnx) {
  for (const int64_t stride : {1, 2}) {
    Builder b;
    const ValueId x = b.input("x", {-1, 2, 1, 1});
    b.value(x).shape = graph::Shape{{-1, "N"}, {2, ""}, {-1, "height"}, {-1, "width"}};
    const Attributes attributes{{"auto_pad", std::string("SAME_UPPER")},
                                {"strides", std::vector<int64_t>{stride, stride}}};
    b.graph.outputs = {b.node("Conv", {x, b.random({3, 2, 3, 3})}, attributes)};
    const Graph result = simplified(b.graph);
    EXPECT_EQ(operators(result), stride == 1 ? "sparsmith.Conv" : "Conv");
    for (const std::vector<int64_t>& shape : {std::vector<int64_t>{1, 2, 5, 6}, {2, 2, 8, 7}}) {
      const std::vector inputs{random_floats(shape, 4)};
      EXPECT_LE(relative_error(outputs_of(result, inputs)[0], outputs_of(b.graph, inputs)[0]), 1e-6);
    }
  }
}

TEST(Layers, ComputedWeightsStayWithOnnx) {
  Builder b;
  const ValueId w = b.input("w", {3, 2, 1, 1}), v = b.input("v", {4, 3});
  b.graph.outputs = {b.node("Conv", {b.input("x", {-1, 2, 3, 3}), w}),
                     b.node("Conv", {b.input("z", {-1, 2, 3, 3}), b.random({3, 2, 1, 1}), b.input("bias", {3})}),
                     b.node("MatMul", {b.input("a", {-1, 4}), v}), b.node("MatMul", {b.random({2, 4}), v})};
  EXPECT_EQ(left_of(b.graph), "Conv Conv MatMul MatMul");
}

TEST(Layers, ProductsOfRows) {
  const auto left = [](std::vector<int64_t> x, std::vector<int64_t> w) {
    Builder b;
    b.graph.outputs = {b.node("MatMul", {b.input("x", x), b.random(w)})};
    return left_of(b.graph);
  };
  EXPECT_EQ(left({-1, 4}, {4, 5}), "sparsmith.MatMul");
  EXPECT_EQ(left({4}, {4, 5}), "sparsmith.MatMul");
  EXPECT_EQ(left({-1, 2, 3, 4}, {4, 5}), "sparsmith.MatMul");
  EXPECT_EQ(left({-1, 3, 4}, {1, 4, 5}), "sparsmith.MatMul");
  EXPECT_EQ(left({-1, 4}, {1, 4, 5}), "MatMul");
  EXPECT_EQ(left({1, 3, 4}, {2, 4, 5}), "MatMul");
  EXPECT_EQ(left({-1, 4}, {4}), "MatMul");
}

TEST(Layers, WeightsTransposedForSeveralAreOne) {
  Builder b;
  const ValueId x = b.input("x", {-1, 4}), w = b.random({4, 4});
  b.graph.outputs = {b.node("MatMul", {b.node("Exp", {b.node("MatMul", {x, w})}), w})};
  const Graph result = check(b.graph);
  size_t constants = 0;
  for (const graph::Value& value : result.values) constants += value.constant != nullptr;
  EXPECT_EQ(constants, 1u);
}

TEST(Layers, GemmInEveryForm) {
  struct Third {
    std::vector<int64_t> shape;
    bool bias;
  };
  for (const int64_t opset : kOpsets) {
    for (const int64_t trans_b : {0, 1}) {
      for (const float factor : {1.0f, 0.5f}) {
        for (const Third& third : {Third{{}, true}, {{1}, true}, {{5}, true}, {{1, 5}, true}, {{1, 1}, true}}) {
          Builder b(opset);
          b.graph.outputs = {b.node(
              "Gemm",
              {b.input("x", {-1, 4}), b.random(trans_b != 0 ? std::vector<int64_t>{5, 4} : std::vector<int64_t>{4, 5}),
               b.random(third.shape)},
              {{"transB", trans_b}, {"alpha", factor}, {"beta", 2 * factor}})};
          EXPECT_EQ(left_of(b.graph), "sparsmith.MatMul");
        }
      }
    }
  }
  Builder b;
  b.graph.outputs = {b.node("Gemm", {b.input("x", {-1, 4}), b.random({4, 5})})};
  EXPECT_EQ(left_of(b.graph), "sparsmith.MatMul");
}

TEST(Layers, GemmWithOtherAddends) {
  const auto left = [](std::vector<int64_t> c, bool computed, float beta, int64_t trans_a) {
    Builder b;
    const ValueId x = b.input("x", {4, 4});
    const ValueId addend = computed ? b.input("c", c) : b.random(c);
    b.graph.outputs = {b.node("Gemm", {x, b.random({4, 5}), addend}, {{"beta", beta}, {"transA", trans_a}})};
    return left_of(b.graph);
  };
  EXPECT_EQ(left({4, 5}, true, 1, 0), "sparsmith.MatMul");  // its residual
  EXPECT_EQ(left({1, 5}, true, 1, 0), "Add sparsmith.MatMul");
  EXPECT_EQ(left({4, 1}, false, 0.5f, 0), "Add sparsmith.MatMul");
  EXPECT_EQ(left({4, 5}, false, 1, 0), "Add sparsmith.MatMul");
  EXPECT_EQ(left({4, 5}, true, 0.5f, 0), "Gemm");
  EXPECT_EQ(left({5}, false, 1, 1), "Gemm");
}

ValueId normalization(Builder& b, ValueId x, int64_t channels) {
  return b.node("BatchNormalization",
                {x, b.random({channels}), b.random({channels}), b.random({channels}), b.positive({channels})},
                {{"epsilon", 1e-3f}});
}

/// A product of 6 channels.
enum class Kind { conv, transposed, gemm, matmul };
constexpr Kind kKinds[] = {Kind::conv, Kind::transposed, Kind::gemm, Kind::matmul};
ValueId product(Builder& b, Kind kind, bool bias) {
  std::vector<ValueId> inputs;
  Attributes attributes;
  if (kind == Kind::conv) inputs = {b.input("x", {-1, 4, 3, 6}), b.random({6, 2, 2, 2})};
  if (kind == Kind::transposed) inputs = {b.input("x", {-1, 4, 3, 5}), b.random({4, 3, 2, 2})};
  if (kind == Kind::gemm) inputs = {b.input("x", {-1, 4}), b.random({4, 6})};
  if (kind == Kind::matmul) inputs = {b.input("x", {-1, 4}), b.random({4, 6})};
  if (kind == Kind::conv || kind == Kind::transposed) attributes["group"] = int64_t{2};
  if (bias && kind != Kind::matmul) inputs.push_back(b.random({6}));
  constexpr std::array kNames{"Conv", "ConvTranspose", "Gemm", "MatMul"};
  return b.node(kNames[static_cast<size_t>(kind)], inputs, attributes);
}
std::string layer_of(Kind kind) {
  return kind == Kind::conv ? "sparsmith.Conv" : kind == Kind::transposed ? "ConvTranspose" : "sparsmith.MatMul";
}
std::vector<int64_t> of_channels(Kind kind) {
  return kind == Kind::conv || kind == Kind::transposed ? std::vector<int64_t>{6, 1, 1} : std::vector<int64_t>{6};
}

TEST(Affine, IsFoldedIntoEveryProduct) {
  for (const int64_t opset : kOpsets) {
    for (const Kind kind : kKinds) {
      for (const bool bias : {false, true}) {
        if (kind == Kind::gemm && !bias && opset < 11) continue;
        Builder b(opset);
        ValueId y = normalization(b, product(b, kind, bias), 6);
        y = b.node("Mul", {b.random(of_channels(kind)), y});
        y = b.node("Add", {y, b.random(of_channels(kind))});
        y = b.node("Div", {y, b.positive(of_channels(kind))});
        y = b.node("Sub", {b.random(of_channels(kind)), y});
        y = b.node("Mul", {y, b.number(0.3f)});
        y = b.node("Sub", {y, b.number(0.25f)});
        b.graph.outputs = {normalization(b, y, 6)};
        EXPECT_EQ(left_of(b.graph), layer_of(kind)) << opset;
      }
    }
  }
}

TEST(Affine, StaysWhereItIsSomethingElse) {
  const auto left = [](Kind kind, const auto& then) {
    Builder b;
    const ValueId y = product(b, kind, true);
    b.graph.outputs = {then(b, y)};
    return left_of(b.graph);
  };
  for (const Kind kind : kKinds) {
    const std::string layer = layer_of(kind);
    const auto expected = [&](const std::string& op) { return layer[0] < op[0] ? layer + " " + op : op + " " + layer; };
    // Divided by, not divided.
    EXPECT_EQ(left(kind, [&](Builder& b, ValueId y) { return b.node("Div", {b.number(1), y}); }), expected("Div"));
    // By what isn't one number a channel, and what makes more dimensions.
    const bool image = of_channels(kind).size() > 1;
    const auto other = image ? std::vector<int64_t>{1, 1, 1, 6} : std::vector<int64_t>{1, 1, 6};
    if (kind == Kind::conv) {
      EXPECT_EQ(left(kind,
                     [&](Builder& b, ValueId y) {
                       return b.node("Mul", {y, b.random({1, 1, 1, 5})});
                     }),
                expected("Mul"));
    } else if (!image) {
      EXPECT_EQ(left(kind,
                     [&](Builder& b, ValueId y) {
                       return b.node("Mul", {y, b.random(other)});
                     }),
                expected("Mul"));
    }
    // By zero: what is infinite or no number can't be in weights.
    EXPECT_EQ(left(kind, [&](Builder& b, ValueId y) { return b.node("Div", {y, b.number(0)}); }), expected("Div"));
  }
}

TEST(Affine, StaysWhereTheProductIsReadByOthers) {
  for (const bool output : {false, true}) {
    Builder b;
    const ValueId y = product(b, Kind::conv, true);
    b.graph.outputs = {normalization(b, y, 6), output ? y : b.node("Exp", {y})};
    EXPECT_EQ(left_of(b.graph), output ? "BatchNormalization sparsmith.Conv" : "BatchNormalization Exp sparsmith.Conv");
  }
}

TEST(Affine, BatchNormalizationOfOtherChannelsStays) {
  Builder b;
  // The channels of a product of rows are the last dimension, those of a normalisation the second.
  b.graph.outputs = {normalization(b, b.node("MatMul", {b.input("x", {-1, 6, 4}), b.random({4, 6})}), 6)};
  EXPECT_EQ(left_of(b.graph), "BatchNormalization sparsmith.MatMul");
  Builder alone;
  alone.graph.outputs = {normalization(alone, alone.input("x", {-1, 6, 4}), 6)};
  EXPECT_EQ(left_of(alone.graph), "BatchNormalization");
}

TEST(Affine, ZerosOfWeightsStayZero) {
  Builder b;
  graph::Tensor w = random_floats({8, 16}, 3);
  for (int64_t i = 0; i < w.size(); ++i) w.as<float>()[i] *= i % 10 == 0 ? 1.0f : 0.0f;
  const ValueId y = b.node("MatMul", {b.input("x", {-1, 8}), b.constant(w)});
  b.graph.outputs = {normalization(b, y, 16)};
  const Graph result = check(b.graph);
  const auto& folded = *result.values[static_cast<size_t>(only_node(result).inputs[1])].constant;
  EXPECT_EQ(std::count(folded.as<float>().begin(), folded.as<float>().end(), 0.0f),
            std::count(w.as<float>().begin(), w.as<float>().end(), 0.0f));
}

TEST(Affine, QuantisedPairsStayAsTheyAre) {
  Builder b(13);
  const ValueId scale = b.number(0.02f), zero = b.constant(tensor_of<uint8_t>(graph::ElementType::u8, {}, {128}));
  const ValueId w = b.constant(tensor_of<int8_t>(graph::ElementType::i8, {3, 2}, {1, 0, -5, 0, 100, 7}));
  const ValueId weights = b.node("DequantizeLinear", {w, b.number(0.1f)});
  const ValueId x = b.input("x", {-1, 2});
  const ValueId pair = b.node("DequantizeLinear", {b.node("QuantizeLinear", {x, scale, zero}), scale, zero});
  b.graph.outputs = {b.node("Gemm", {pair, weights}, {{"transB", int64_t{1}}})};
  EXPECT_EQ(left_of(b.graph), "DequantizeLinear QuantizeLinear sparsmith.MatMul");
}

}  // namespace
}  // namespace sparsmith::test

// What models may hold, and one small test for every mistake they can make.
#include "onnx/read.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models.h"

namespace sparsmith::test {
namespace {

using graph::ElementType;
using graph::Graph;
using graph::kNoValue;
using graph::Tensor;
using onnx_reader::parse_onnx;
using testing::ElementsAre;
using testing::HasSubstr;

Result<Graph> parse(const ::onnx::ModelProto& model) { return parse_onnx(model.SerializeAsString(), "m.onnx"); }

Graph graph_of(const ::onnx::ModelProto& model) {
  auto graph = parse(model);
  if (!graph) throw std::runtime_error(graph.error().message);
  return std::move(*graph);
}

void expect_bad(const ::onnx::ModelProto& model, const std::string& part) {
  const auto graph = parse(model);
  ASSERT_FALSE(graph.ok()) << "read without complaint";
  EXPECT_EQ(graph.error().kind, ErrorKind::bad_input);
  EXPECT_THAT(graph.error().message, HasSubstr("m.onnx"));
  EXPECT_THAT(graph.error().message, HasSubstr(part));
}

const Tensor& constant(const Graph& graph, const std::string& name) {
  for (const graph::Value& value : graph.values) {
    if (value.name == name && value.constant) return *value.constant;
  }
  throw std::runtime_error("no constant " + name);
}

template <class T>
std::vector<T> elements(const Tensor& tensor) {
  const auto view = tensor.as<T>();
  return {view.begin(), view.end()};
}

TEST(OnnxRead, NodesValuesAndShapes) {
  const Graph graph = graph_of(product_model());
  EXPECT_EQ(graph.name, "test");
  EXPECT_EQ(graph.opset, 17);
  ASSERT_EQ(graph.nodes.size(), 2u);
  EXPECT_EQ(graph.nodes[0].op, "MatMul");
  EXPECT_EQ(graph.nodes[1].inputs, graph.nodes[0].outputs);
  ASSERT_EQ(graph.inputs.size(), 1u);
  const graph::Value& x = graph.values[static_cast<size_t>(graph.inputs[0])];
  EXPECT_EQ(x.name, "x");
  EXPECT_EQ(x.type, ElementType::f32);
  ASSERT_TRUE(x.shape);
  EXPECT_THAT(*x.shape, ElementsAre(graph::Dimension{-1, "N"}, graph::Dimension{2, ""}));
  EXPECT_THAT(elements<float>(constant(graph, "w")), ElementsAre(1, 0, 2, 0, 3, 0));
  EXPECT_EQ(graph.outputs, graph.nodes[1].outputs);
  EXPECT_EQ(describe(graph, graph.nodes[0]), "MatMul node \"product\"");
  EXPECT_EQ(describe(graph, graph.nodes[1]), "Relu node that makes \"y\"");
}

TEST(OnnxRead, TypedElements) {
  ::onnx::ModelProto model = product_model();
  const auto add = [&](const char* name, int32_t type) {
    auto* tensor = model.mutable_graph()->add_initializer();
    tensor->set_name(name);
    tensor->set_data_type(type);
    tensor->add_dims(2);
    return tensor;
  };
  auto* floats = add("f", ::onnx::TensorProto::FLOAT);
  floats->add_float_data(0.5f);
  floats->add_float_data(-2);
  auto* halves = add("half", ::onnx::TensorProto::FLOAT16);
  for (const int bits : {0x3c00, 0xfc00}) halves->add_int32_data(bits);
  auto* bytes = add("b", ::onnx::TensorProto::INT8);
  for (const int value : {-128, 127}) bytes->add_int32_data(value);
  auto* longs = add("l", ::onnx::TensorProto::INT64);
  for (const int64_t value : {INT64_MIN, INT64_MAX}) longs->add_int64_data(value);
  auto* doubles = add("d", ::onnx::TensorProto::DOUBLE);
  for (const double value : {1e300, -0.0}) doubles->add_double_data(value);
  auto* unsigned32 = add("u", ::onnx::TensorProto::UINT32);
  for (const uint64_t value : {uint64_t{0}, uint64_t{UINT32_MAX}}) unsigned32->add_uint64_data(value);
  auto* flags = add("t", ::onnx::TensorProto::BOOL);
  for (const int value : {0, 7}) flags->add_int32_data(value);

  const Graph graph = graph_of(model);
  EXPECT_THAT(elements<float>(constant(graph, "f")), ElementsAre(0.5f, -2));
  EXPECT_THAT(elements<uint16_t>(constant(graph, "half")), ElementsAre(0x3c00, 0xfc00));
  EXPECT_THAT(elements<int8_t>(constant(graph, "b")), ElementsAre(-128, 127));
  EXPECT_THAT(elements<int64_t>(constant(graph, "l")), ElementsAre(INT64_MIN, INT64_MAX));
  EXPECT_THAT(elements<double>(constant(graph, "d")), ElementsAre(1e300, -0.0));
  EXPECT_THAT(elements<uint32_t>(constant(graph, "u")), ElementsAre(0, UINT32_MAX));
  EXPECT_THAT(elements<uint8_t>(constant(graph, "t")), ElementsAre(0, 1));
}

TEST(OnnxRead, ScalarAndEmptyTensors) {
  ::onnx::ModelProto model = product_model();
  set_floats(model.mutable_graph()->add_initializer(), "scalar", {}, {3});
  set_floats(model.mutable_graph()->add_initializer(), "empty", {0, 5}, {});
  const Graph graph = graph_of(model);
  EXPECT_TRUE(constant(graph, "scalar").shape.empty());
  EXPECT_EQ(constant(graph, "scalar").size(), 1);
  EXPECT_EQ(constant(graph, "empty").size(), 0);
}

TEST(OnnxRead, SparseInitialisersOfBothForms) {
  for (const bool linear : {true, false}) {
    ::onnx::ModelProto model = product_model();
    model.mutable_graph()->clear_initializer();
    set_sparse(model.mutable_graph()->add_sparse_initializer(), {2, 3}, {5, 7},
               linear ? std::vector<int64_t>{1, 5} : std::vector<int64_t>{0, 1, 1, 2}, linear ? 0 : 2);
    const Graph graph = graph_of(model);
    EXPECT_EQ(describe(constant(graph, "w")), "float32 [2, 3]");
    EXPECT_THAT(elements<float>(constant(graph, "w")), ElementsAre(0, 5, 0, 0, 0, 7));
  }
}

TEST(OnnxRead, ConstantNodesAndAttributes) {
  ::onnx::ModelProto model = product_model();
  auto* shape = add_node(model, "Constant", {}, {"shape"});
  add_ints(shape, "value_ints", {1, -1});
  auto* half = add_node(model, "Constant", {}, {"half"})->add_attribute();
  half->set_name("value_float");
  half->set_type(::onnx::AttributeProto::FLOAT);
  half->set_f(0.5f);
  auto* reshape = add_node(model, "Reshape", {"y", "shape"}, {"z"});
  add_ints(reshape, "allowzero", {0});
  const Graph graph = graph_of(model);
  EXPECT_THAT(elements<int64_t>(constant(graph, "shape")), ElementsAre(1, -1));
  EXPECT_TRUE(constant(graph, "half").shape.empty());
  ASSERT_EQ(graph.nodes.size(), 3u);
  EXPECT_THAT(std::get<std::vector<int64_t>>(graph.nodes[2].attributes.at("allowzero")), ElementsAre(0));
}

TEST(OnnxRead, OptionalInputsAndOutputsMayBeMissing) {
  ::onnx::ModelProto model = product_model();
  add_node(model, "Clip", {"y", "", "w"}, {"", "z"});
  const Graph graph = graph_of(model);
  EXPECT_EQ(graph.nodes[2].inputs[1], kNoValue);
  EXPECT_EQ(graph.nodes[2].outputs[0], kNoValue);
}

TEST(OnnxRead, InputsWithADefaultAreConstants) {
  ::onnx::ModelProto model = product_model();
  set_value(model.mutable_graph()->add_input(), "w", {2, 3});
  EXPECT_EQ(graph_of(model).inputs.size(), 1u);
}

TEST(OnnxReadBad, NotAModel) {
  const auto text = parse_onnx("not protobuf at all", "m.onnx");
  ASSERT_FALSE(text.ok());
  EXPECT_THAT(text.error().message, HasSubstr("isn't an ONNX model"));
  const auto nothing = parse_onnx("", "m.onnx");
  ASSERT_FALSE(nothing.ok());
  EXPECT_THAT(nothing.error().message, HasSubstr("holds no graph"));
}

TEST(OnnxReadBad, EveryTruncationOfAModel) {
  const std::string whole = product_model().SerializeAsString();
  int refused = 0;
  for (size_t size = 0; size < whole.size(); ++size)
    refused += parse_onnx(whole.substr(0, size), "m.onnx").ok() ? 0 : 1;
  EXPECT_EQ(refused, static_cast<int>(whole.size()));
}

TEST(OnnxReadBad, Opsets) {
  for (const int64_t opset : {0, 8, 22}) {
    ::onnx::ModelProto model = product_model();
    model.mutable_opset_import(0)->set_version(opset);
    expect_bad(model, "opset " + std::to_string(opset) + "; 9 to 21");
  }
}

TEST(OnnxReadBad, CyclesAndMissingValues) {
  ::onnx::ModelProto cyclic = product_model();
  cyclic.mutable_graph()->mutable_node(0)->set_input(0, "y");
  expect_bad(cyclic, "\"y\", which a later node makes");
  ::onnx::ModelProto missing = product_model();
  missing.mutable_graph()->clear_initializer();
  expect_bad(missing, "\"w\", which is no input, initialiser");
  ::onnx::ModelProto output = product_model();
  output.mutable_graph()->mutable_output(0)->set_name("nowhere");
  expect_bad(output, "\"nowhere\" is made by no node");
}

TEST(OnnxReadBad, NamesTakenTwice) {
  ::onnx::ModelProto model = product_model();
  add_node(model, "Relu", {"h"}, {"y"});
  expect_bad(model, "\"y\", which is taken already");
  ::onnx::ModelProto initialisers = product_model();
  set_floats(initialisers.mutable_graph()->add_initializer(), "w", {1}, {1});
  expect_bad(initialisers, "\"w\", which is taken already");
}

TEST(OnnxReadBad, TensorsThatDontFitTheirShape) {
  for (const std::vector<int64_t>& shape : {std::vector<int64_t>{2, 4}, {7}, {}, {0}, {1, 1 << 20, 1 << 20}}) {
    ::onnx::ModelProto model = product_model();
    model.mutable_graph()->mutable_initializer(0)->clear_dims();
    for (const int64_t size : shape) model.mutable_graph()->mutable_initializer(0)->add_dims(size);
    expect_bad(model, "24 bytes of data; it needs");
  }
  for (const std::vector<int64_t>& shape : {std::vector<int64_t>{-1, 6}, {int64_t{1} << 40, int64_t{1} << 40}}) {
    ::onnx::ModelProto model = product_model();
    model.mutable_graph()->mutable_initializer(0)->clear_dims();
    for (const int64_t size : shape) model.mutable_graph()->mutable_initializer(0)->add_dims(size);
    expect_bad(model, "isn't the shape of any memory");
  }
  ::onnx::ModelProto typed = product_model();
  typed.mutable_graph()->mutable_initializer(0)->clear_raw_data();
  expect_bad(typed, "0 elements in float_data; it needs 6");
  ::onnx::ModelProto text = product_model();
  text.mutable_graph()->mutable_initializer(0)->set_data_type(::onnx::TensorProto::STRING);
  expect_bad(text, "can't be read");
  ::onnx::ModelProto range = product_model();
  auto* bytes = range.mutable_graph()->add_initializer();
  bytes->set_name("b");
  bytes->set_data_type(::onnx::TensorProto::UINT8);
  bytes->add_dims(1);
  bytes->add_int32_data(256);
  expect_bad(range, "element 0 is 256, which uint8 can't hold");
}

TEST(OnnxReadBad, SparseInitialisers) {
  const auto with = [](const std::vector<int64_t>& shape, const std::vector<int64_t>& indices, int64_t rank) {
    ::onnx::ModelProto model = product_model();
    model.mutable_graph()->clear_initializer();
    set_sparse(model.mutable_graph()->add_sparse_initializer(), shape, {5, 7}, indices, rank);
    return model;
  };
  expect_bad(with({2, 3}, {1, 6}, 0), "index 1 is 6; it must be from 0 to 5");
  expect_bad(with({2, 3}, {0, 0, 2, 0}, 2), "coordinate 0 of nonzero 1 is 2");
  expect_bad(with({2, 3}, {4, 4}, 0), "at a place that has one already");
  expect_bad(with({2, 3}, {0, 1, 2, 3, 4, 5}, 3), "[2] or [2, 2] is expected");
  expect_bad(with({1 << 20, 1 << 20}, {0, 1}, 0), "2 nonzeros");
}

TEST(OnnxReadBad, ThingsThatCantBeCompiled) {
  ::onnx::ModelProto branch = product_model();
  auto* attribute = add_node(branch, "If", {"x"}, {"z"})->add_attribute();
  attribute->set_name("then_branch");
  attribute->set_type(::onnx::AttributeProto::GRAPH);
  expect_bad(branch, "control flow (If, Loop, Scan)");
  ::onnx::ModelProto functions = product_model();
  functions.add_functions()->set_name("f");
  expect_bad(functions, "functions of its own, such as \"f\"");
  ::onnx::ModelProto sequence = product_model();
  auto* input = sequence.mutable_graph()->add_input();
  input->set_name("s");
  input->mutable_type()->mutable_sequence_type();
  expect_bad(sequence, "isn't a tensor");
  ::onnx::ModelProto text = product_model();
  auto* value = add_node(text, "Constant", {}, {"t"})->add_attribute();
  value->set_name("value_string");
  value->set_type(::onnx::AttributeProto::STRING);
  value->set_s("text");
  expect_bad(text, "holds text");
}

TEST(OnnxReadBad, NamesAreQuotedWithTheirControlCharactersVisible) {
  ::onnx::ModelProto model = product_model();
  model.mutable_graph()->mutable_node(0)->set_input(0, "a\x1b[31m");
  const auto graph = parse(model);
  ASSERT_FALSE(graph.ok());
  EXPECT_THAT(graph.error().message, HasSubstr("\\x1b"));
  EXPECT_EQ(graph.error().message.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace sparsmith::test

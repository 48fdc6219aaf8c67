// Compiled models. Beyond being read without harm, what is accepted must be safe to run on inputs of the declared
// shapes, whatever its program says; programs with kernels are not run, since their code is anything.
#include "artifact/serialize.h"
#include "model/model_file.h"
#include "model/session.h"
#include "target.h"
#include "tests/artifact/sample_image.h"

namespace sparsmith::fuzz {
namespace {

using model::Buffer;
using model::Format;
using model::Work;

constexpr int64_t kMostBytes = int64_t{1} << 22;

bool is_small(const model::Session& session, const model::ModelBytes& model) {
  int64_t bytes = session.memory().activation_bytes;
  for (const Buffer& buffer : model.program.buffers) {
    const auto own = bytes_of(buffer.format, session.type(buffer.value));
    require(own.ok(), "a session was made with a buffer that can't be");
    bytes = std::max(bytes, *own);
  }
  for (size_t v = 0; v < model.graph.inputs.size() + model.graph.outputs.size(); ++v) {
    const bool input = v < model.graph.inputs.size();
    const auto id = input ? model.graph.inputs[v] : model.graph.outputs[v - model.graph.inputs.size()];
    bytes = std::max(bytes, session.type(id).size() * size_of(session.type(id).element));
  }
  return bytes <= kMostBytes;
}

void run_session(const model::ModelBytes& model) {
  const auto shapes = ops::declared_shapes(model.graph, 2);
  if (!shapes.ok()) return;
  const auto session = model::Session::create(model.graph, model.program, *shapes);
  if (!session.ok() || !model.program.kernels.empty() || !is_small(**session, model)) return;
  std::vector<std::vector<std::byte>> memory;
  std::vector<InputTensor> inputs;
  std::vector<void*> outputs;
  const auto add = [&](graph::ValueId id) {
    const ops::Type& type = (*session)->type(id);
    return memory.emplace_back(static_cast<size_t>(type.size() * size_of(type.element))).data();
  };
  for (size_t i = 0; i < shapes->size(); ++i) inputs.push_back({add(model.graph.inputs[i]), (*shapes)[i]});
  for (const graph::ValueId id : model.graph.outputs) outputs.push_back(add(id));
  ModelArgs args;
  args.inputs = inputs;
  args.outputs = outputs;
  (void)(*session)->run(args);
}

void check_model(const Result<model::ModelBytes>& result) {
  if (result.ok()) return run_session(*result);
  if (result.error().kind == ErrorKind::bad_input) check_error(result.error(), "fuzz.smk");
}

graph::ValueId add_value(graph::Graph& graph, const std::string& name) {
  graph.values.push_back({name, std::nullopt, std::nullopt, nullptr});
  return static_cast<graph::ValueId>(graph.values.size() - 1);
}

std::string bytes_of(const graph::Graph& graph, model::Program program, std::vector<std::string> kernels) {
  const model::ProgramBytes bytes{std::move(program), std::move(kernels)};
  return model::serialize(graph, {&bytes, 1});
}

/// An image through strips: pooled, an activation, its mean.
std::string images() {
  graph::Graph graph;
  graph.name = "images";
  graph.opset = 17;
  const auto x = add_value(graph, "x"), pooled = add_value(graph, "pooled"), relu = add_value(graph, "relu"),
             mean = add_value(graph, "mean");
  graph.values[0].type = ElementType::f32;
  graph.values[0].shape = graph::Shape{{-1, "N"}, {3, ""}, {5, ""}, {6, ""}};
  graph.inputs = {x};
  graph.outputs = {mean};
  graph.nodes.push_back({"pool", "", "MaxPool", {x}, {pooled}, {}});
  graph.nodes.back().attributes["kernel_shape"] = std::vector<int64_t>{3, 3};
  graph.nodes.back().attributes["pads"] = std::vector<int64_t>{1, 1, 1, 1};
  graph.nodes.push_back({"relu", "", "Relu", {pooled}, {relu}, {}});
  graph.nodes.push_back({"mean", "", "GlobalAveragePool", {relu}, {mean}, {}});
  const Conv2d conv{.height = 5,
                    .width = 6,
                    .kernel_h = 3,
                    .kernel_w = 3,
                    .pad_top = 1,
                    .pad_left = 1,
                    .pad_bottom = 1,
                    .pad_right = 1};
  const Format plain = Format::of(Format::Kind::plain), grid = Format::of(output_grid(conv));
  model::Program program;
  program.target = "x86-64-v3";
  program.buffers = {{x, plain}, {x, Format::of(conv)}, {pooled, grid}, {relu, grid}, {mean, plain}};
  program.works = {{Work::Kind::convert, 0, Work::kNone, {0}, {1}},
                   {Work::Kind::pool, 0, Work::kNone, {1}, {2}},
                   {Work::Kind::blocked, 1, Work::kNone, {2}, {3}},
                   {Work::Kind::mean, 2, Work::kNone, {3}, {4}}};
  return bytes_of(graph, std::move(program), {});
}

/// Rows through plain operators, with a constant, a view and a kernel.
std::string rows() {
  graph::Graph graph;
  graph.name = "rows";
  graph.opset = 13;
  const auto x = add_value(graph, "x"), c = add_value(graph, "c"), sum = add_value(graph, "sum"),
             shape = add_value(graph, "shape"), y = add_value(graph, "y");
  graph.values[0].type = ElementType::f32;
  graph.values[0].shape = graph::Shape{{2, ""}, {3, ""}};
  graph::Tensor constant = graph::Tensor::zeros(ElementType::f32, {3});
  graph.values[1].constant = std::make_shared<const graph::Tensor>(std::move(constant));
  graph::Tensor sizes = graph::Tensor::zeros(ElementType::i64, {2});
  sizes.as<int64_t>()[0] = 3;
  sizes.as<int64_t>()[1] = -1;
  graph.values[3].constant = std::make_shared<const graph::Tensor>(std::move(sizes));
  graph.inputs = {x};
  graph.outputs = {y};
  graph.nodes.push_back({"add", "", "Add", {x, c}, {sum}, {}});
  graph.nodes.push_back({"", "", "Reshape", {sum, shape}, {y}, {}});
  const Format plain = Format::of(Format::Kind::plain), panels = Format::of(Format::Kind::panels);
  model::Program program;
  program.target = "x86-64-v3";
  program.buffers = {{x, panels}, {c, plain}, {sum, panels}, {shape, plain}, {y, plain}, {x, plain}, {sum, plain}};
  program.works = {{Work::Kind::convert, 0, Work::kNone, {5}, {0}},
                   {Work::Kind::blocked, 0, Work::kNone, {0, 1}, {2}},
                   {Work::Kind::convert, 1, Work::kNone, {2}, {6}},
                   {Work::Kind::reference, 1, Work::kNone, {6, 3}, {4}}};
  return bytes_of(graph, std::move(program), {serialize(sample_image())});
}

}  // namespace

void run(std::string_view input) {
  check_model(model::deserialize(input, "fuzz.smk"));
  check_model(model::parse_model(input, "fuzz.smk"));  // mutations seldom keep the checksum
}

std::vector<std::string> seeds() {
  const auto all = {images(), rows()};
  for (const std::string& seed : all) {
    const auto read = model::deserialize(seed, "seed");
    require(read.ok() || read.error().kind == ErrorKind::unsuitable, "a seed isn't a model");
  }
  return all;
}

}  // namespace sparsmith::fuzz

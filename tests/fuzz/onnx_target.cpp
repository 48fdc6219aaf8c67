#include "onnx/read.h"
#include "target.h"
#include "tests/onnx/models.h"

namespace sparsmith::fuzz {

void run(std::string_view input) {
  const auto graph = onnx_reader::parse_onnx(input, "fuzz.onnx");
  if (!graph.ok()) return check_error(graph.error(), "fuzz.onnx");
  const auto values = static_cast<graph::ValueId>(graph->values.size());
  std::vector<bool> known(graph->values.size());
  const auto make = [&](graph::ValueId id) {
    require(id >= 0 && id < values, "a value's number is out of range");
    require(!known[static_cast<size_t>(id)], "a value is produced twice");
    known[static_cast<size_t>(id)] = true;
  };
  for (graph::ValueId id = 0; id < values; ++id) {
    const auto& constant = graph->values[static_cast<size_t>(id)].constant;
    if (constant == nullptr) continue;
    make(id);
    require(static_cast<int64_t>(constant->bytes.size()) == constant->size() * graph::size_of(constant->type),
            "a constant's shape and bytes differ");
  }
  for (const graph::ValueId id : graph->inputs) make(id);
  for (const graph::Node& node : graph->nodes) {
    for (const graph::ValueId id : node.inputs) {
      require(id == graph::kNoValue || (id >= 0 && id < values && known[static_cast<size_t>(id)]),
              "a node reads a value before it is made");
    }
    for (const graph::ValueId id : node.outputs) {
      if (id != graph::kNoValue) make(id);
    }
  }
  for (const graph::ValueId id : graph->outputs) {
    require(id >= 0 && id < values && known[static_cast<size_t>(id)], "an output is made by nothing");
  }
}

std::vector<std::string> seeds() {
  ::onnx::ModelProto plain = test::product_model();
  ::onnx::ModelProto sparse = plain;
  sparse.mutable_graph()->clear_initializer();
  test::set_sparse(sparse.mutable_graph()->add_sparse_initializer(), {2, 3}, {5, 7}, {0, 1, 1, 2}, 2);
  ::onnx::ModelProto constants = plain;
  test::add_ints(test::add_node(constants, "Constant", {}, {"shape"}), "value_ints", {1, -1});
  auto* tensor = test::add_node(constants, "Constant", {}, {"tensor"})->add_attribute();
  tensor->set_name("value");
  tensor->set_type(::onnx::AttributeProto::TENSOR);
  tensor->mutable_t()->set_data_type(::onnx::TensorProto::INT8);
  tensor->mutable_t()->add_dims(1);
  tensor->mutable_t()->add_int32_data(-7);
  test::add_node(constants, "Reshape", {"y", "shape"}, {"z"});
  ::onnx::ModelProto external = plain;
  auto* entry = external.mutable_graph()->mutable_initializer(0)->add_external_data();
  external.mutable_graph()->mutable_initializer(0)->set_data_location(::onnx::TensorProto::EXTERNAL);
  entry->set_key("location");
  entry->set_value("w.bin");
  return {plain.SerializeAsString(), sparse.SerializeAsString(), constants.SerializeAsString(),
          external.SerializeAsString()};
}

}  // namespace sparsmith::fuzz

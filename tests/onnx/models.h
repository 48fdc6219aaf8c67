/// \file
/// Small ONNX models, built message by message, lies included.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstring>
#include <string>
#include <vector>

namespace sparsmith::test {

inline ::onnx::ModelProto empty_model(int64_t opset = 17) {
  ::onnx::ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(opset);
  model.mutable_graph()->set_name("test");
  return model;
}

/// A float32 value of that name and shape; -1 is a dimension named "N".
inline void set_value(::onnx::ValueInfoProto* info, const std::string& name, const std::vector<int64_t>& shape) {
  info->set_name(name);
  auto* type = info->mutable_type()->mutable_tensor_type();
  type->set_elem_type(::onnx::TensorProto::FLOAT);
  auto* dims = type->mutable_shape();
  for (const int64_t size : shape) {
    if (size < 0) {
      dims->add_dim()->set_dim_param("N");
    } else {
      dims->add_dim()->set_dim_value(size);
    }
  }
}

inline ::onnx::NodeProto* add_node(::onnx::ModelProto& model, const std::string& op,
                                   const std::vector<std::string>& inputs, const std::vector<std::string>& outputs) {
  ::onnx::NodeProto* node = model.mutable_graph()->add_node();
  node->set_op_type(op);
  for (const std::string& name : inputs) node->add_input(name);
  for (const std::string& name : outputs) node->add_output(name);
  return node;
}

template <class T>
std::string raw_bytes(const std::vector<T>& values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

inline void set_floats(::onnx::TensorProto* tensor, const std::string& name, const std::vector<int64_t>& shape,
                       const std::vector<float>& values) {
  tensor->set_name(name);
  tensor->set_data_type(::onnx::TensorProto::FLOAT);
  for (const int64_t size : shape) tensor->add_dims(size);
  tensor->set_raw_data(raw_bytes(values));
}

inline ::onnx::AttributeProto* add_ints(::onnx::NodeProto* node, const std::string& name,
                                        const std::vector<int64_t>& values) {
  ::onnx::AttributeProto* attribute = node->add_attribute();
  attribute->set_name(name);
  attribute->set_type(::onnx::AttributeProto::INTS);
  for (const int64_t value : values) attribute->add_ints(value);
  return attribute;
}

/// relu(x * w): input x [N, 2], initialiser w [2, 3], output y.
inline ::onnx::ModelProto product_model() {
  ::onnx::ModelProto model = empty_model();
  auto* graph = model.mutable_graph();
  set_value(graph->add_input(), "x", {-1, 2});
  set_value(graph->add_output(), "y", {-1, 3});
  set_floats(graph->add_initializer(), "w", {2, 3}, {1, 0, 2, 0, 3, 0});
  add_node(model, "MatMul", {"x", "w"}, {"h"})->set_name("product");
  add_node(model, "Relu", {"h"}, {"y"});
  return model;
}

/// A sparse initialiser "w" of float values; indices as [nnz] or, with a rank, [nnz, rank].
inline void set_sparse(::onnx::SparseTensorProto* sparse, const std::vector<int64_t>& shape,
                       const std::vector<float>& values, const std::vector<int64_t>& indices, int64_t rank = 0) {
  const auto nnz = static_cast<int64_t>(values.size());
  set_floats(sparse->mutable_values(), "w", {nnz}, values);
  auto* places = sparse->mutable_indices();
  places->set_data_type(::onnx::TensorProto::INT64);
  places->add_dims(nnz);
  if (rank > 0) places->add_dims(rank);
  places->set_raw_data(raw_bytes(indices));
  for (const int64_t size : shape) sparse->add_dims(size);
}

}  // namespace sparsmith::test

#include "onnx/values.h"

#include <onnx/onnx_pb.h>

#include <utility>

#include "load/messages.h"

namespace sparsmith::onnx_reader {

using graph::Dimension;
using graph::Shape;
using graph::Value;
using graph::ValueId;
using load::join;
using load::visible;

namespace {

Result<Shape> read_shape(const onnx::TensorShapeProto& proto, const std::string& what) {
  if (proto.dim_size() > kMostDimensions) {
    return bad_input(
        join(what, " is declared with ", proto.dim_size(), " dimensions; at most ", kMostDimensions, " are possible"));
  }
  Shape shape;
  for (const onnx::TensorShapeProto::Dimension& dimension : proto.dim()) {
    // Exporters write -1 where they mean that a size isn't known.
    if (dimension.has_dim_value() && dimension.dim_value() < -1) {
      return bad_input(join(what, " is declared with a dimension of ", dimension.dim_value()));
    }
    shape.push_back({dimension.has_dim_value() ? dimension.dim_value() : -1, dimension.dim_param()});
  }
  return shape;
}

}  // namespace

Result<ValueId> Values::add(const std::string& name, const std::string& producer) {
  if (name.empty()) return bad_input(join(source_.origin, ": ", producer, " has no name"));
  const auto id = static_cast<ValueId>(graph_.values.size());
  if (!ids_.emplace(name, id).second) {
    return bad_input(join(source_.origin, ": ", producer, " is named ", visible(name), ", which is taken already"),
                     "every value must be produced once");
  }
  graph_.values.push_back({name, {}, {}, nullptr});
  return id;
}

ValueId Values::find(const std::string& name) const {
  const auto found = ids_.find(name);
  return found != ids_.end() ? found->second : graph::kNoValue;
}

Status Values::declare(ValueId id, const onnx::ValueInfoProto& info) {
  Value& value = graph_.values[static_cast<size_t>(id)];
  const std::string what = join(source_.origin, ": ", visible(value.name));
  if (!info.has_type()) return success();
  if (!info.type().has_tensor_type()) {
    return bad_input(join(what, " is declared as something that isn't a tensor"),
                     "sequences, maps and optional values can't be compiled");
  }
  const onnx::TypeProto::Tensor& type = info.type().tensor_type();
  const auto element = graph::element_type(type.elem_type());
  if (type.elem_type() != 0 && !element) {
    return bad_input(
        join(what, " is declared with elements of ", type_name(type.elem_type()), ", which can't be computed"));
  }
  if (value.constant && element && *element != value.constant->type) {
    return bad_input(join(what, " is declared as ", graph::to_string(*element), ", but its constant is ",
                          graph::describe(*value.constant)));
  }
  if (element) value.type = element;
  if (!type.has_shape() || value.constant) return success();
  auto shape = read_shape(type.shape(), what);
  if (!shape) return shape.error();
  value.shape = std::move(*shape);
  return success();
}

}  // namespace sparsmith::onnx_reader

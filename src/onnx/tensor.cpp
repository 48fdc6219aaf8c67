#include "onnx/tensor.h"

#include <onnx/onnx_pb.h>

#include <cstring>
#include <limits>

#include "load/messages.h"
#include "load/numeric.h"

namespace sparsmith::onnx_reader {
namespace {

using graph::ElementType;
using graph::Tensor;
using load::join;

Error wrong_count(const std::string& what, int64_t found, const char* field, const Tensor& tensor, int64_t count) {
  return bad_input(join(what, " of shape ", graph::shape_text(tensor.shape), " has ", found, " elements in ", field,
                        "; it needs ", count),
                   "the file is damaged or was cut short");
}

/// Elements from a repeated field, which holds small integers and the bits of 16-bit floats as 32-bit integers.
template <class To, class Field>
Status copy_field(const Field& field, const char* name, const std::string& what, int64_t count, Tensor& tensor) {
  if (field.size() != count) return wrong_count(what, field.size(), name, tensor, count);
  tensor.bytes.resize(static_cast<size_t>(count) * sizeof(To));
  using From = typename Field::value_type;
  for (int64_t i = 0; i < count; ++i) {
    const From from = field[static_cast<int>(i)];
    const To to = static_cast<To>(from);
    if constexpr (!std::is_floating_point_v<To>) {
      if (static_cast<From>(to) != from) {
        return bad_input(
            join(what, ": element ", i, " is ", from, ", which ", graph::to_string(tensor.type), " can't hold"));
      }
    }
    std::memcpy(tensor.bytes.data() + static_cast<size_t>(i) * sizeof(To), &to, sizeof(To));
  }
  return success();
}

Status copy_typed(const onnx::TensorProto& proto, const std::string& what, int64_t count, Tensor& tensor) {
  switch (tensor.type) {
    case ElementType::f32:
      return copy_field<float>(proto.float_data(), "float_data", what, count, tensor);
    case ElementType::f64:
      return copy_field<double>(proto.double_data(), "double_data", what, count, tensor);
    case ElementType::i64:
      return copy_field<int64_t>(proto.int64_data(), "int64_data", what, count, tensor);
    case ElementType::u64:
      return copy_field<uint64_t>(proto.uint64_data(), "uint64_data", what, count, tensor);
    case ElementType::u32:
      return copy_field<uint32_t>(proto.uint64_data(), "uint64_data", what, count, tensor);
    case ElementType::i32:
      return copy_field<int32_t>(proto.int32_data(), "int32_data", what, count, tensor);
    case ElementType::i16:
      return copy_field<int16_t>(proto.int32_data(), "int32_data", what, count, tensor);
    case ElementType::u16:
    case ElementType::f16:
    case ElementType::bf16:
      return copy_field<uint16_t>(proto.int32_data(), "int32_data", what, count, tensor);
    case ElementType::i8:
      return copy_field<int8_t>(proto.int32_data(), "int32_data", what, count, tensor);
    case ElementType::u8:
    case ElementType::boolean:
      break;
  }
  return copy_field<uint8_t>(proto.int32_data(), "int32_data", what, count, tensor);
}

}  // namespace

std::string type_name(int32_t onnx_type) {
  const auto type = graph::element_type(onnx_type);
  return type ? graph::to_string(*type) : "type number " + std::to_string(onnx_type);
}

Result<Tensor> read_tensor(const onnx::TensorProto& proto, const std::string& what, const Source& source) {
  const auto type = graph::element_type(proto.data_type());
  if (!type) {
    return bad_input(join(what, " has elements of ", type_name(proto.data_type()), ", which can't be read"),
                     "integers of 8 to 64 bits, booleans and floats of 16 to 64 bits can");
  }
  if (proto.has_segment()) return bad_input(join(what, " is cut into segments, which can't be read"));
  Tensor tensor{*type, {proto.dims().begin(), proto.dims().end()}, {}};
  if (tensor.shape.size() > kMostDimensions) {
    return bad_input(
        join(what, " has ", tensor.shape.size(), " dimensions; at most ", kMostDimensions, " are possible"));
  }
  const auto count = load::element_count(tensor.shape);
  const auto size = count ? load::checked_multiply(*count, graph::size_of(*type)) : std::nullopt;
  if (!size) {
    return bad_input(
        join(what, " has shape ", graph::shape_text(tensor.shape), ", which isn't the shape of any memory"),
        "dimensions must be 0 or more, and their product must fit 63 bits");
  }
  if (proto.data_location() == onnx::TensorProto::EXTERNAL) {
    auto bytes = read_external(proto, static_cast<uint64_t>(*size), what, source);
    if (!bytes) return bytes.error();
    tensor.bytes = std::move(*bytes);
  } else if (proto.has_raw_data()) {
    const std::string& raw = proto.raw_data();
    if (raw.size() != static_cast<size_t>(*size)) {
      return bad_input(join(what, " (", describe(tensor), ") has ", raw.size(), " bytes of data; it needs ", *size),
                       "the file is damaged or was cut short");
    }
    tensor.bytes.resize(raw.size());
    if (!raw.empty()) std::memcpy(tensor.bytes.data(), raw.data(), raw.size());
  } else if (Status copied = copy_typed(proto, what, *count, tensor); !copied) {
    return copied.error();
  }
  if (*type == ElementType::boolean) {
    for (std::byte& byte : tensor.bytes) byte = std::byte{byte != std::byte{0}};
  }
  return tensor;
}

}  // namespace sparsmith::onnx_reader

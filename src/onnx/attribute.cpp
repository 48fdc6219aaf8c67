#include "onnx/attribute.h"

#include <onnx/onnx_pb.h>

#include "load/messages.h"

namespace sparsmith::onnx_reader {

using graph::Attribute;
using load::join;

namespace {

template <class Tensor>
Result<Attribute> as_attribute(Result<Tensor> tensor) {
  if (!tensor) return tensor.error();
  return Attribute(std::move(*tensor));
}

}  // namespace

Result<Attribute> read_attribute(const onnx::AttributeProto& attribute, const std::string& what, const Source& source) {
  using Proto = onnx::AttributeProto;
  if (!attribute.ref_attr_name().empty()) {
    return bad_input(join(what, " refers to an attribute of a function"), "models must have their functions inlined");
  }
  switch (attribute.type()) {
    case Proto::INT:
      return Attribute(int64_t{attribute.i()});
    case Proto::FLOAT:
      return Attribute(attribute.f());
    case Proto::STRING:
      return Attribute(attribute.s());
    case Proto::INTS:
      return Attribute(std::vector<int64_t>(attribute.ints().begin(), attribute.ints().end()));
    case Proto::FLOATS:
      return Attribute(std::vector<float>(attribute.floats().begin(), attribute.floats().end()));
    case Proto::STRINGS:
      return Attribute(std::vector<std::string>(attribute.strings().begin(), attribute.strings().end()));
    case Proto::TENSOR:
      return as_attribute(read_tensor(attribute.t(), what, source));
    case Proto::SPARSE_TENSOR:
      return as_attribute(read_sparse(attribute.sparse_tensor(), what, source));
    case Proto::GRAPH:
    case Proto::GRAPHS:
      return bad_input(join(what, " is a graph: control flow (If, Loop, Scan) can't be compiled"),
                       "export the model with fixed control flow");
    case Proto::UNDEFINED:
    case Proto::TENSORS:
    case Proto::SPARSE_TENSORS:
    case Proto::TYPE_PROTO:
    case Proto::TYPE_PROTOS:
      break;
  }
  return bad_input(join(what, " is of attribute type ", static_cast<int>(attribute.type()),
                        "; numbers, texts, lists of them and tensors can be read"));
}

}  // namespace sparsmith::onnx_reader

/// \file
/// Attributes of nodes.
#pragma once

#include "graph/graph.h"
#include "onnx/tensor.h"

namespace onnx {
class AttributeProto;
}

namespace sparsmith::onnx_reader {

/// bad_input: subgraphs (control flow), lists of tensors, types, references into functions.
Result<graph::Attribute> read_attribute(const onnx::AttributeProto& attribute, const std::string& what,
                                        const Source& source);

}  // namespace sparsmith::onnx_reader

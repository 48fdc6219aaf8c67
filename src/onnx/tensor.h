/// \file
/// Tensors of a model file, wherever their elements are.
#pragma once

#include <string>

#include "graph/tensor.h"
#include "sparsmith/result.h"

namespace onnx {
class SparseTensorProto;
class TensorProto;
}  // namespace onnx

namespace sparsmith::onnx_reader {

/// What is being read, for messages and external data.
struct Source {
  std::string origin;  ///< the model, as messages name it
  std::string folder;  ///< of the model; "": no external data can be read
};

/// Most dimensions of a tensor or a declared shape.
inline constexpr int kMostDimensions = 16;

/// How messages name an element type: "float32", or the number.
std::string type_name(int32_t onnx_type);

/// Dense tensors: raw, typed or external elements; their number must be that of the shape.
Result<graph::Tensor> read_tensor(const onnx::TensorProto& tensor, const std::string& what, const Source& source);

/// A sparse tensor (COO, linear or by coordinates) as a dense one.
Result<graph::Tensor> read_sparse(const onnx::SparseTensorProto& sparse, const std::string& what, const Source& source);

/// The bytes of a tensor that lie in a file beside the model: exactly `size` of them.
Result<std::vector<std::byte>> read_external(const onnx::TensorProto& tensor, uint64_t size, const std::string& what,
                                             const Source& source);

}  // namespace sparsmith::onnx_reader

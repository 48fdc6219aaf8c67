#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cstring>

#include "load/messages.h"
#include "load/numeric.h"
#include "onnx/tensor.h"

namespace sparsmith::onnx_reader {
namespace {

using graph::ElementType;
using graph::Tensor;
using load::join;

/// A sparse tensor of few elements may not become a dense one of gigabytes.
constexpr int64_t kMostPerNonzero = 4096, kAlwaysPossible = int64_t{1} << 22;

/// The place of nonzero i in C order; the indices are int64, [nnz] or [nnz, rank].
Result<int64_t> position(const Tensor& indices, int64_t i, const std::vector<int64_t>& shape, int64_t count,
                         const std::string& what) {
  const auto values = indices.as<int64_t>();
  if (indices.shape.size() == 1) {
    const int64_t index = values[static_cast<size_t>(i)];
    if (index >= 0 && index < count) return index;
    return bad_input(join(what, ": index ", i, " is ", index, "; it must be from 0 to ", count - 1));
  }
  int64_t index = 0;
  for (size_t d = 0; d < shape.size(); ++d) {
    const int64_t coordinate = values[static_cast<size_t>(i) * shape.size() + d];
    if (coordinate < 0 || coordinate >= shape[d]) {
      return bad_input(join(what, ": coordinate ", d, " of nonzero ", i, " is ", coordinate, "; it must be from 0 to ",
                            shape[d] - 1));
    }
    index = index * shape[d] + coordinate;
  }
  return index;
}

}  // namespace

Result<Tensor> read_sparse(const onnx::SparseTensorProto& sparse, const std::string& what, const Source& source) {
  auto values = read_tensor(sparse.values(), what + ": the values", source);
  if (!values) return values.error();
  auto indices = read_tensor(sparse.indices(), what + ": the indices", source);
  if (!indices) return indices.error();
  const std::vector<int64_t> shape(sparse.dims().begin(), sparse.dims().end());
  if (values->shape.size() != 1) {
    return bad_input(
        join(what, ": the values have shape ", graph::shape_text(values->shape), "; one dimension is expected"));
  }
  const int64_t nnz = values->shape[0], rank = static_cast<int64_t>(shape.size());
  const bool linear = indices->shape == std::vector<int64_t>{nnz};
  if (indices->type != ElementType::i64 || (!linear && indices->shape != std::vector<int64_t>{nnz, rank})) {
    return bad_input(join(what, ": the indices are ", describe(*indices), "; int64 of shape [", nnz, "] or [", nnz,
                          ", ", rank, "] is expected"));
  }
  const auto count = load::element_count(shape);
  if (!count || rank == 0 || (*count > kAlwaysPossible && *count / kMostPerNonzero > nnz)) {
    return bad_input(
        join(what, " has shape ", graph::shape_text(shape), " and ", nnz, " nonzeros"),
        join("it is kept dense: up to ", kAlwaysPossible, " elements, or ", kMostPerNonzero, " for each nonzero"));
  }
  Tensor dense = Tensor::zeros(values->type, shape);
  const auto width = static_cast<size_t>(graph::size_of(dense.type));
  std::vector<bool> seen(static_cast<size_t>(*count));
  for (int64_t i = 0; i < nnz; ++i) {
    const auto at = position(*indices, i, shape, *count, what);
    if (!at) return at.error();
    const auto place = static_cast<size_t>(*at);
    if (seen[place]) return bad_input(join(what, ": nonzero ", i, " is at a place that has one already"));
    seen[place] = true;
    std::memcpy(dense.bytes.data() + place * width, values->bytes.data() + static_cast<size_t>(i) * width, width);
  }
  return dense;
}

}  // namespace sparsmith::onnx_reader

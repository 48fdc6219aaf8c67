/// \file
/// The values of a graph while it is read: names to ids, and what produces each.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "graph/graph.h"
#include "onnx/tensor.h"

namespace onnx {
class ValueInfoProto;
}

namespace sparsmith::onnx_reader {

class Values {
 public:
  Values(graph::Graph& graph, const Source& source) : graph_(graph), source_(source) {}

  /// A new value, produced by `producer` ("an initialiser", ...). bad_input: the name is taken or empty.
  Result<graph::ValueId> add(const std::string& name, const std::string& producer);
  /// The value of that name; kNoValue when there is none (yet).
  graph::ValueId find(const std::string& name) const;

  /// Takes over a declared element type and shape; bad_input when they contradict a constant, or aren't a tensor's.
  Status declare(graph::ValueId id, const onnx::ValueInfoProto& info);

 private:
  graph::Graph& graph_;
  const Source& source_;
  std::unordered_map<std::string, graph::ValueId> ids_;
};

}  // namespace sparsmith::onnx_reader

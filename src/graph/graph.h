/// \file
/// A model as a list of operators over values. Each value is produced once: as an input of the model, as a constant, or
/// by one node; nodes come after the nodes whose values they read. Operators are ONNX's, by name and version.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "graph/tensor.h"

namespace sparsmith::graph {

/// A dimension of a declared shape.
struct Dimension {
  int64_t size = -1;   ///< -1: known only at run time
  std::string symbol;  ///< its name then, "" where it has none; equal names are equal sizes
  bool operator==(const Dimension&) const = default;
};
using Shape = std::vector<Dimension>;

using ValueId = int32_t;                 ///< an index of Graph::values
inline constexpr ValueId kNoValue = -1;  ///< an optional input or output that isn't there

struct Value {
  std::string name;                        ///< unique in the graph
  std::optional<ElementType> type;         ///< where the file or a pass has said it
  std::optional<Shape> shape;              ///< likewise
  std::shared_ptr<const Tensor> constant;  ///< null: known only at run time
};

using Attribute = std::variant<int64_t, float, std::string, std::vector<int64_t>, std::vector<float>,
                               std::vector<std::string>, Tensor>;

struct Node {
  std::string name;    ///< "" where the file gives none
  std::string domain;  ///< "": ONNX's own operators
  std::string op;      ///< "Conv", "Relu", ...
  std::vector<ValueId> inputs, outputs;
  std::map<std::string, Attribute, std::less<>> attributes;
};

struct Graph {
  std::string name;
  int64_t opset = 0;  ///< version of ONNX's own operators
  std::vector<Value> values;
  std::vector<ValueId> inputs, outputs;  ///< of the model, in the file's order
  std::vector<Node> nodes;               ///< in an order in which they can run
};

/// How messages name a node: "Conv node \"features.0\"", or by its first output where it has no name.
std::string describe(const Graph& graph, const Node& node);

}  // namespace sparsmith::graph

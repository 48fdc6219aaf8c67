#include "graph/graph.h"

namespace sparsmith::graph {

std::string describe(const Graph& graph, const Node& node) {
  if (!node.name.empty()) return node.op + " node \"" + node.name + "\"";
  for (const ValueId output : node.outputs) {
    if (output != kNoValue) {
      return node.op + " node that makes \"" + graph.values[static_cast<size_t>(output)].name + "\"";
    }
  }
  return node.op + " node";
}

}  // namespace sparsmith::graph

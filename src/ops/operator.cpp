#include "ops/operator.h"

#include <functional>
#include <numeric>

#include "ops/registry.h"

namespace sparsmith::ops {
namespace {

const Makers& makers() {
  static const Makers all = [] {
    Makers result;
    add_along_axis(result);
    add_binary(result);
    add_cast(result);
    add_convolution(result);
    add_normalization(result);
    add_pad(result);
    add_pooling(result);
    add_products(result);
    add_quantization(result);
    add_rearrange(result);
    add_reductions(result);
    add_resize(result);
    add_select(result);
    add_shape(result);
    add_softmax(result);
    add_unary(result);
    return result;
  }();
  return all;
}

std::string list_of_supported() {
  std::string text;
  for (const auto& [name, maker] : makers()) text += (text.empty() ? "" : ", ") + std::string(name);
  return text;
}

}  // namespace

int64_t Type::size() const { return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>()); }

std::string describe(const Type& type) {
  return std::string(graph::to_string(type.element)) + " " + graph::shape_text(type.shape);
}

std::vector<std::string> supported() {
  std::vector<std::string> names;
  for (const auto& [name, maker] : makers()) names.emplace_back(name);
  return names;
}

Result<std::unique_ptr<Operator>> make(const graph::Graph& graph, const graph::Node& node,
                                       std::span<const std::optional<Type>> inputs) {
  NodeView view(graph, node, inputs);
  const auto found = node.domain.empty() ? makers().find(node.op) : makers().end();
  if (found == makers().end()) {
    const std::string domain = node.domain.empty() ? "" : node.domain + ".";
    view.fail("is of an operator that isn't supported: " + domain + node.op, "supported are " + list_of_supported());
    return view.error();
  }
  for (const auto& input : inputs) {
    if (input) view.expect_sane(*input);
  }
  if (!view.ok()) return view.error();
  std::unique_ptr<Operator> made = found->second(view);
  if (!view.ok()) return view.error();
  if (made == nullptr) return internal_error("operator " + node.op + " was not made");
  for (const Type& type : made->outputs()) view.expect_sane(type);
  if (!view.ok()) return view.error();
  return made;
}

}  // namespace sparsmith::ops

#include "ops/operator.h"

#include <functional>
#include <numeric>

#include "ops/layer.h"
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

/// Of layer.h's domain.
const Makers& layer_makers() {
  static const Makers all = [] {
    Makers result;
    add_attention(result);
    add_layers(result);
    for (const char* const same : {"Gelu", "HardSwish", "LayerNormalization"}) result[same] = makers().at(same);
    return result;
  }();
  return all;
}

/// Null where there is none.
Maker maker_of(const graph::Node& node) {
  if (!node.domain.empty() && node.domain != kLayerDomain) return nullptr;
  const Makers& all = node.domain.empty() ? makers() : layer_makers();
  const auto found = all.find(node.op);
  return found == all.end() ? nullptr : found->second;
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

bool is_supported(const graph::Node& node) { return maker_of(node) != nullptr; }

Result<std::unique_ptr<Operator>> make(const graph::Graph& graph, const graph::Node& node,
                                       std::span<const std::optional<Type>> inputs) {
  NodeView view(graph, node, inputs);
  const Maker maker = maker_of(node);
  if (maker == nullptr) {
    const std::string domain = node.domain.empty() ? "" : node.domain + ".";
    view.fail("is of an operator that isn't supported: " + domain + node.op, "supported are " + list_of_supported());
    return view.error();
  }
  for (const auto& input : inputs) {
    if (input) view.expect_sane(*input);
  }
  if (!view.ok()) return view.error();
  std::unique_ptr<Operator> made = maker(view);
  if (!view.ok()) return view.error();
  if (made == nullptr) return internal_error("operator " + node.op + " was not made");
  for (const Type& type : made->outputs()) view.expect_sane(type);
  if (!view.ok()) return view.error();
  return made;
}

}  // namespace sparsmith::ops

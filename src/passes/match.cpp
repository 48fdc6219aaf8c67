#include "passes/match.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

namespace sparsmith::passes {

using graph::ElementType;
using graph::kNoValue;
using graph::Node;
using graph::Tensor;
using graph::ValueId;

namespace {

template <class T>
T attribute(const Node& node, std::string_view name, T otherwise) {
  const auto found = node.attributes.find(name);
  if (found == node.attributes.end()) return otherwise;
  const T* const value = std::get_if<T>(&found->second);
  return value == nullptr ? otherwise : *value;
}

bool is_near(double a, double b) { return std::fabs(a - b) <= 1e-6 * std::fabs(b); }

constexpr size_t kMostParts = 10;  // factors and the nodes that multiply them

}  // namespace

int64_t integer(const Node& node, std::string_view name, int64_t otherwise) {
  return attribute<int64_t>(node, name, otherwise);
}
float number(const Node& node, std::string_view name, float otherwise) {
  return attribute<float>(node, name, otherwise);
}
std::string text(const Node& node, std::string_view name, const std::string& otherwise) {
  return attribute<std::string>(node, name, otherwise);
}
std::vector<int64_t> integers(const Node& node, std::string_view name, std::vector<int64_t> otherwise) {
  return attribute<std::vector<int64_t>>(node, name, std::move(otherwise));
}

ValueId input(const Node& node, size_t index) { return index < node.inputs.size() ? node.inputs[index] : kNoValue; }

std::optional<std::vector<int64_t>> constant_integers(const Editor& editor, ValueId id) {
  const Tensor* const tensor = editor.constant(id);
  if (tensor == nullptr) return std::nullopt;
  if (tensor->type == ElementType::i64) {
    const auto values = tensor->as<int64_t>();
    return std::vector<int64_t>(values.begin(), values.end());
  }
  if (tensor->type == ElementType::i32) {
    const auto values = tensor->as<int32_t>();
    return std::vector<int64_t>(values.begin(), values.end());
  }
  return std::nullopt;
}

std::optional<double> scalar(const Editor& editor, ValueId id) {
  const Tensor* const tensor = editor.constant(id);
  if (tensor == nullptr || tensor->type != ElementType::f32 || tensor->size() != 1) return std::nullopt;
  return double{tensor->as<float>()[0]};
}

bool is_scalar(const Editor& editor, ValueId id, double value) {
  const auto found = scalar(editor, id);
  return found && is_near(*found, value);
}

std::optional<std::vector<float>> per_channel(const Editor& editor, ValueId id, int64_t channels, size_t rank,
                                              size_t axis_from_end) {
  const Tensor* const tensor = editor.constant(id);
  if (tensor == nullptr || tensor->type != ElementType::f32 || tensor->shape.size() > rank) return std::nullopt;
  for (size_t d = 0; d < tensor->shape.size(); ++d) {
    const bool along = tensor->shape.size() - 1 - d == axis_from_end;
    if (tensor->shape[d] != 1 && !(along && tensor->shape[d] == channels)) return std::nullopt;
  }
  const auto values = tensor->as<float>();
  if (values.size() == 1) return std::vector<float>(static_cast<size_t>(channels), values[0]);
  return std::vector<float>(values.begin(), values.end());
}

std::optional<ValueId> other_operand(const Node& node, ValueId id) {
  if (node.inputs.size() != 2) return std::nullopt;
  if (node.inputs[0] == id) return node.inputs[1];
  if (node.inputs[1] == id) return node.inputs[0];
  return std::nullopt;
}

std::optional<ValueId> beside_scalar(const Editor& editor, const Node& node, double value) {
  if (node.inputs.size() != 2) return std::nullopt;
  if (is_scalar(editor, node.inputs[1], value)) return node.inputs[0];
  const bool ordered = node.op == "Div" || node.op == "Sub" || node.op == "Pow";
  if (!ordered && is_scalar(editor, node.inputs[0], value)) return node.inputs[1];
  return std::nullopt;
}

std::optional<Bounds> clip_bounds(const Editor& editor, const Node& node) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  Bounds bounds{-kInfinity, kInfinity};
  if (editor.opset() < 11) {
    bounds = {number(node, "min", -kInfinity), number(node, "max", kInfinity)};
  } else {
    for (const size_t i : {size_t{1}, size_t{2}}) {
      if (input(node, i) == kNoValue) continue;
      const auto bound = scalar(editor, input(node, i));
      if (!bound) return std::nullopt;
      (i == 1 ? bounds.lo : bounds.hi) = static_cast<float>(*bound);
    }
  }
  if (!(bounds.lo <= bounds.hi)) return std::nullopt;
  return bounds;
}

Product product_at(const Editor& editor, size_t place) {
  Product product;
  std::vector<size_t> open{place};
  while (!open.empty()) {
    const size_t at = open.back();
    open.pop_back();
    product.nodes.push_back(at);
    if (product.nodes.size() + product.factors.size() + open.size() > kMostParts) return {};
    const Node& node = editor.node(at);
    for (const ValueId id : node.inputs) {
      const bool divisor = node.op == "Div" && id == node.inputs[1];
      if (const auto factor = scalar(editor, id)) {
        product.scalar = divisor ? product.scalar / *factor : product.scalar * *factor;
        continue;
      }
      if (divisor) return {};
      auto inner = editor.maker(id, "Mul");
      if (!inner) inner = editor.maker(id, "Div");
      if (inner && editor.only_reader(id) == at &&
          (is(editor.node(*inner), "Mul") || scalar(editor, input(editor.node(*inner), 1)))) {
        open.push_back(*inner);
      } else {
        product.factors.push_back(id);
      }
    }
  }
  return product;
}

Product product_of(const Editor& editor, ValueId id) {
  for (const char* const op : {"Mul", "Div"}) {
    const auto place = editor.maker(id, op);
    if (place && editor.only_reader(id)) {
      Product product = product_at(editor, *place);
      if (!product.nodes.empty()) return product;
    }
  }
  return {1, {id}, {}};
}

bool is_closed(const Editor& editor, std::span<const size_t> inner, size_t last) {
  std::map<ValueId, size_t> reads;
  std::set<size_t> places(inner.begin(), inner.end());
  if (places.contains(last)) return false;
  places.insert(last);
  for (const size_t place : places) {
    for (const ValueId id : editor.node(place).inputs) ++reads[id];
  }
  for (const size_t place : inner) {
    for (const ValueId id : editor.node(place).outputs) {
      if (id == kNoValue) continue;
      if (editor.is_output(id) || editor.readers(id) != reads[id]) return false;
    }
  }
  return true;
}

void replace(Editor& editor, std::span<const size_t> inner, size_t last, Node node) {
  node.name = editor.node(last).name;
  node.outputs = editor.node(last).outputs;
  editor.put(last, std::move(node));
  for (const size_t place : inner) {
    if (editor.used(place)) editor.erase(place);
  }
}

}  // namespace sparsmith::passes

#include "passes/facts.h"

#include <array>
#include <map>
#include <string>

namespace sparsmith::passes {

using graph::Graph;
using graph::kNoValue;
using graph::ValueId;

namespace {

/// Sizes for what inputs leave open: the first dimension counts samples, the others are sizes of images or lengths of
/// texts, for which a model may have bounds.
struct Trial {
  int64_t batch, other;
};
constexpr std::array<std::array<Trial, 2>, 4> kTrials{
    {{{{1, 224}, {2, 256}}}, {{{1, 64}, {2, 96}}}, {{{1, 16}, {2, 24}}}, {{{1, 512}, {2, 640}}}}};

/// One shape for each input. Equal names are equal sizes, different names different ones.
std::vector<std::vector<int64_t>> shapes_for(const Graph& graph, const Trial& trial, bool& open, bool& open_beyond) {
  std::map<std::string, int64_t> sizes;
  int64_t others = 0;
  const auto key = [](const graph::Dimension& dimension, size_t axis) {
    return dimension.symbol.empty() ? "axis " + std::to_string(axis) : dimension.symbol;
  };
  const auto declared = [&](ValueId id) { return *graph.values[static_cast<size_t>(id)].shape; };
  for (const ValueId id : graph.inputs) {
    const graph::Shape shape = declared(id);
    if (!shape.empty() && shape[0].size < 0) sizes[key(shape[0], 0)] = trial.batch;
  }
  std::vector<std::vector<int64_t>> shapes;
  for (const ValueId id : graph.inputs) {
    const graph::Shape shape = declared(id);
    std::vector<int64_t>& result = shapes.emplace_back();
    for (size_t d = 0; d < shape.size(); ++d) {
      result.push_back(shape[d].size);
      if (shape[d].size >= 0) continue;
      open = true;
      const auto [found, added] = sizes.try_emplace(key(shape[d], d), trial.other + 32 * others);
      others += added;
      result.back() = found->second;
    }
  }
  open_beyond = others > 0;
  return shapes;
}

}  // namespace

Result<Facts> Facts::of(const Graph& graph) {
  // Says what is wrong with inputs that are declared without a shape.
  if (auto declared = ops::declared_shapes(graph); !declared) return declared.error();
  Facts facts;
  facts.values_ = graph.values.size();
  std::optional<Error> first;
  for (const auto& pair : kTrials) {
    bool open = false, open_beyond = false;
    for (const Trial& trial : pair) {
      auto evaluated = ops::Evaluator::create(graph, shapes_for(graph, trial, open, open_beyond));
      if (!evaluated && !first) first = evaluated.error();
      if (!evaluated) break;
      facts.evaluated_.push_back(std::move(*evaluated));
      if (!open) break;
    }
    facts.certain_ = !facts.evaluated_.empty() && (!open || facts.evaluated_.size() == pair.size());
    if (!facts.evaluated_.empty() || !open_beyond) break;
  }
  if (facts.evaluated_.empty()) return *first;

  facts.from_input_.resize(facts.values_);
  for (const ValueId id : graph.inputs) facts.from_input_[static_cast<size_t>(id)] = true;
  for (const graph::Node& node : graph.nodes) {
    bool depends = false;
    for (const ValueId id : node.inputs)
      depends = depends || (id != kNoValue && facts.from_input_[static_cast<size_t>(id)]);
    for (const ValueId id : node.outputs) {
      if (id != kNoValue) facts.from_input_[static_cast<size_t>(id)] = depends;
    }
  }
  return facts;
}

const ops::Type* Facts::example(ValueId value) const {
  if (value < 0 || static_cast<size_t>(value) >= values_) return nullptr;
  return &evaluated_[0].type(value);
}

std::optional<std::vector<int64_t>> Facts::shape(ValueId value) const {
  const ops::Type* const type = example(value);
  if (type == nullptr) return std::nullopt;
  std::vector<int64_t> shape = type->shape;
  if (!from_input_[static_cast<size_t>(value)]) return shape;
  if (!certain_) return std::nullopt;
  for (const ops::Evaluator& other : evaluated_) {
    const std::vector<int64_t>& there = other.type(value).shape;
    if (there.size() != shape.size()) return std::nullopt;
    for (size_t d = 0; d < shape.size(); ++d) {
      if (shape[d] != there[d]) shape[d] = -1;
    }
  }
  return shape;
}

bool Facts::same_shape(ValueId a, ValueId b) const {
  if (example(a) == nullptr || example(b) == nullptr) return false;
  if (!certain_ && (from_input_[static_cast<size_t>(a)] || from_input_[static_cast<size_t>(b)])) return false;
  for (const ops::Evaluator& evaluator : evaluated_) {
    if (evaluator.type(a).shape != evaluator.type(b).shape) return false;
  }
  return true;
}

bool Facts::same_size(ValueId a, size_t axis_of_a, ValueId b, size_t axis_of_b) const {
  if (example(a) == nullptr || example(b) == nullptr) return false;
  if (!certain_ && (from_input_[static_cast<size_t>(a)] || from_input_[static_cast<size_t>(b)])) return false;
  for (const ops::Evaluator& evaluator : evaluated_) {
    const std::vector<int64_t>&of_a = evaluator.type(a).shape, &of_b = evaluator.type(b).shape;
    if (axis_of_a >= of_a.size() || axis_of_b >= of_b.size() || of_a[axis_of_a] != of_b[axis_of_b]) return false;
  }
  return true;
}

const graph::Tensor* Facts::constant(ValueId value) const {
  const ops::Type* const type = example(value);
  if (type == nullptr || type->constant == nullptr) return nullptr;
  if (!from_input_[static_cast<size_t>(value)]) return type->constant;
  if (!certain_) return nullptr;
  for (const ops::Evaluator& other : evaluated_) {
    const graph::Tensor* const there = other.type(value).constant;
    if (there == nullptr || !(*there == *type->constant)) return nullptr;
  }
  return type->constant;
}

}  // namespace sparsmith::passes

#include "ops/node_view.h"

namespace sparsmith::ops {

using graph::ElementType;

namespace {

const Type kNothing;

/// Elements of an integer tensor.
std::optional<std::vector<int64_t>> integers_of(const graph::Tensor& tensor) {
  if (tensor.type == ElementType::i64) {
    const auto values = tensor.as<int64_t>();
    return std::vector<int64_t>(values.begin(), values.end());
  }
  if (tensor.type == ElementType::i32) {
    const auto values = tensor.as<int32_t>();
    return std::vector<int64_t>(values.begin(), values.end());
  }
  return std::nullopt;
}

}  // namespace

void NodeView::fail(const std::string& message, const std::string& hint) {
  fail(bad_input(graph::describe(graph_, node_) + " " + message, hint));
}
void NodeView::fail(Error error) {
  if (failed_) return;
  failed_ = true;
  error_ = std::move(error);
}

const std::string& NodeView::name() const {
  for (const graph::ValueId output : node_.outputs) {
    if (node_.name.empty() && output != graph::kNoValue) return graph_.values[static_cast<size_t>(output)].name;
  }
  return node_.name;
}

size_t NodeView::input_count() const {
  size_t count = inputs_.size();
  while (count > 0 && !inputs_[count - 1]) --count;
  return count;
}

void NodeView::expect_inputs(size_t least, size_t most) {
  const size_t count = input_count();
  if (count >= least && count <= most) return;
  const std::string wanted =
      least == most ? std::to_string(least) : std::to_string(least) + " to " + std::to_string(most);
  fail("has " + std::to_string(count) + " inputs; it needs " + wanted);
}

void NodeView::expect_outputs(size_t most) {
  if (node_.outputs.empty() || node_.outputs.size() > most) {
    fail("has " + std::to_string(node_.outputs.size()) + " outputs; it can have 1 to " + std::to_string(most));
  }
}

const Type& NodeView::input(size_t index) {
  if (has(index)) return *inputs_[index];
  fail("lacks input " + std::to_string(index));
  return kNothing;
}

const Type& NodeView::input_of_rank(size_t index, size_t rank) {
  const Type& type = input(index);
  if (ok() && type.shape.size() != rank) {
    fail("has " + describe(type) + " as input " + std::to_string(index) + "; " + std::to_string(rank) +
         " dimensions are expected");
  }
  return ok() ? type : kNothing;
}

void NodeView::expect_element(size_t index, ElementType element) {
  const Type& type = input(index);
  if (ok() && type.element != element) {
    fail("has " + describe(type) + " as input " + std::to_string(index) + "; " + to_string(element) + " is expected");
  }
}

template <class T>
T NodeView::attribute(std::string_view name, T otherwise, const char* kind) {
  const auto found = node_.attributes.find(name);
  if (found == node_.attributes.end()) return otherwise;
  if (const T* value = std::get_if<T>(&found->second)) return *value;
  fail("has an attribute " + std::string(name) + " that isn't " + kind);
  return otherwise;
}

int64_t NodeView::integer(std::string_view name, int64_t otherwise) {
  return attribute<int64_t>(name, otherwise, "a whole number");
}
float NodeView::number(std::string_view name, float otherwise) { return attribute<float>(name, otherwise, "a number"); }
std::string NodeView::text(std::string_view name, std::string otherwise) {
  return attribute<std::string>(name, std::move(otherwise), "a text");
}
std::vector<int64_t> NodeView::integers(std::string_view name, std::vector<int64_t> otherwise) {
  return attribute<std::vector<int64_t>>(name, std::move(otherwise), "a list of whole numbers");
}
graph::Tensor NodeView::tensor(std::string_view name, graph::Tensor otherwise) {
  return attribute<graph::Tensor>(name, std::move(otherwise), "a tensor");
}

std::optional<std::vector<int64_t>> NodeView::constant_integers(size_t index) {
  if (!has(index)) return std::nullopt;
  const Type& type = *inputs_[index];
  if (type.constant == nullptr) {
    fail("has a computed input " + std::to_string(index) + "; it must be a constant, or follow from shapes");
    return std::nullopt;
  }
  auto values = integers_of(*type.constant);
  if (!values) fail("has " + describe(type) + " as input " + std::to_string(index) + "; int64 or int32 is expected");
  return values;
}

std::optional<std::vector<int64_t>> NodeView::integers_or_input(std::string_view name, size_t index, int64_t since) {
  if (opset() >= since) return constant_integers(index);
  if (!has_attribute(name)) return std::nullopt;
  return integers(name);
}

std::optional<std::vector<float>> NodeView::constant_numbers(size_t index) {
  if (!has(index)) return std::nullopt;
  const Type& type = *inputs_[index];
  if (type.constant == nullptr || type.element != ElementType::f32) {
    fail("has " + std::string(type.constant == nullptr ? "computed " : "") + describe(type) + " as input " +
         std::to_string(index) + "; constant float32 is expected");
    return std::nullopt;
  }
  const auto values = type.constant->as<float>();
  return std::vector<float>(values.begin(), values.end());
}

std::optional<double> NodeView::constant_number(size_t index) {
  if (!has(index)) return std::nullopt;
  const Type& type = *inputs_[index];
  if (type.constant == nullptr || type.size() != 1) {
    fail("has " + describe(type) + " as input " + std::to_string(index) + "; a constant number is expected");
    return std::nullopt;
  }
  switch (type.element) {
    case ElementType::f32:
      return double{type.constant->as<float>()[0]};
    case ElementType::f64:
      return type.constant->as<double>()[0];
    default:
      break;
  }
  if (const auto values = integers_of(*type.constant)) return static_cast<double>((*values)[0]);
  fail("has " + describe(type) + " as input " + std::to_string(index) + "; a number is expected");
  return std::nullopt;
}

int64_t NodeView::axis(int64_t axis, size_t rank) {
  const auto size = static_cast<int64_t>(rank);
  if (axis >= -size && axis < size) return axis < 0 ? axis + size : axis;
  fail("works on axis " + std::to_string(axis) + " of " + std::to_string(rank) + " dimensions");
  return 0;
}

std::vector<size_t> NodeView::axes(std::span<const int64_t> axes, size_t rank) {
  std::vector<bool> seen(rank);
  std::vector<size_t> result;
  for (const int64_t one : axes) {
    const auto found = static_cast<size_t>(axis(one, rank));
    if (!ok()) return {};
    if (seen[found]) fail("names axis " + std::to_string(one) + " twice");
    seen[found] = true;
    result.push_back(found);
  }
  return result;
}

void NodeView::expect_sane(const Type& type) {
  constexpr int64_t kMostElements = int64_t{1} << 40;
  int64_t size = 1;
  for (const int64_t dimension : type.shape) {
    // An empty dimension doesn't excuse the others: strides are products of some of them.
    if (dimension < 0 || __builtin_mul_overflow(size, std::max<int64_t>(dimension, 1), &size) || size > kMostElements) {
      fail("deals with " + describe(type) + ", which is more than any memory holds");
      return;
    }
  }
}

}  // namespace sparsmith::ops

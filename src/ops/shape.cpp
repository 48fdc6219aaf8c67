// Operators that say the same elements in another shape, and those that compute shapes or tensors from them.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "ops/registry.h"

namespace sparsmith::ops {
namespace {

using graph::ElementType;
using graph::Tensor;

/// The input's elements, in another shape.
class Reshaped final : public Operator {
 public:
  Reshaped(const Type& input, std::vector<int64_t> shape)
      : bytes_(static_cast<size_t>(input.size() * graph::size_of(input.element))) {
    outputs_ = {Type{input.element, std::move(shape), nullptr}};
  }
  void run(std::span<const void* const> inputs, std::span<void* const> outputs) const override {
    if (bytes_ > 0) std::memcpy(outputs[0], inputs[0], bytes_);
  }

 private:
  size_t bytes_;
};

std::unique_ptr<Operator> reshaped(NodeView& node, std::vector<int64_t> shape) {
  if (!node.ok()) return nullptr;
  return std::make_unique<Reshaped>(node.input(0), std::move(shape));
}

std::unique_ptr<Operator> make_reshape(NodeView& node) {
  node.expect_inputs(2, 2);
  node.expect_outputs(1);
  const Type& input = node.input(0);
  const auto wanted = node.constant_integers(1);
  const bool zero_is_zero = node.opset() >= 14 && node.integer("allowzero", 0) != 0;
  if (!node.ok()) return nullptr;
  std::vector<int64_t> shape = *wanted;
  const auto mismatch = [&] {
    node.fail("can't give " + describe(input) + " the shape " + graph::shape_text(*wanted));
    return nullptr;
  };
  size_t open = shape.size();  // the dimension that is to follow from the others
  for (size_t d = 0; d < shape.size(); ++d) {
    if (shape[d] == -1 && open == shape.size()) {
      open = d;
      shape[d] = 1;
    } else if (shape[d] == 0 && !zero_is_zero) {
      if (d >= input.shape.size()) return mismatch();
      shape[d] = input.shape[d];
    } else if (shape[d] < 0) {
      return mismatch();
    }
  }
  node.expect_sane(Type{input.element, shape, nullptr});
  if (!node.ok()) return nullptr;
  Type output{input.element, shape, nullptr};
  if (open < shape.size()) {
    const int64_t rest = output.size();
    if (rest == 0 || input.size() % rest != 0) return mismatch();
    output.shape[open] = input.size() / rest;
  }
  if (output.size() != input.size()) return mismatch();
  return reshaped(node, std::move(output.shape));
}

std::unique_ptr<Operator> make_flatten(NodeView& node) {
  node.expect_inputs(1, 1);
  node.expect_outputs(1);
  const auto& shape = node.input(0).shape;
  int64_t axis = node.integer("axis", 1);
  // The end is an axis here too.
  if (axis != static_cast<int64_t>(shape.size())) axis = node.axis(axis, shape.size());
  if (!node.ok()) return nullptr;
  int64_t rows = 1, columns = 1;
  for (size_t d = 0; d < shape.size(); ++d) (static_cast<int64_t>(d) < axis ? rows : columns) *= shape[d];
  return reshaped(node, {rows, columns});
}

std::unique_ptr<Operator> make_squeeze(NodeView& node) {
  node.expect_inputs(1, node.opset() < 13 ? 1 : 2);
  node.expect_outputs(1);
  const Type& input = node.input(0);
  const auto named = node.integers_or_input("axes", 1, 13);
  std::vector<bool> goes(input.shape.size());
  if (named) {
    for (const size_t axis : node.axes(*named, input.shape.size())) {
      goes[axis] = true;
      if (input.shape[axis] != 1) {
        node.fail("leaves out axis " + std::to_string(axis) + " of " + describe(input) + ", which isn't of size 1");
      }
    }
  } else {
    for (size_t d = 0; d < goes.size(); ++d) goes[d] = input.shape[d] == 1;
  }
  std::vector<int64_t> shape;
  for (size_t d = 0; d < goes.size(); ++d) {
    if (!goes[d]) shape.push_back(input.shape[d]);
  }
  return reshaped(node, std::move(shape));
}

std::unique_ptr<Operator> make_unsqueeze(NodeView& node) {
  node.expect_inputs(node.opset() < 13 ? 1 : 2, node.opset() < 13 ? 1 : 2);
  node.expect_outputs(1);
  const auto named = node.integers_or_input("axes", 1, 13);
  if (!named) node.fail("lacks its axes");
  if (!node.ok()) return nullptr;
  const auto& from = node.input(0).shape;
  std::vector<int64_t> shape(from.size() + named->size(), -1);
  for (const size_t axis : node.axes(*named, shape.size())) shape[axis] = 1;
  if (!node.ok()) return nullptr;
  auto next = from.begin();
  for (int64_t& size : shape) {
    if (size < 0) size = *next++;
  }
  return reshaped(node, std::move(shape));
}

/// An output that is known when the operator is made, and small.
class Known final : public Operator {
 public:
  explicit Known(Tensor value) : value_(std::move(value)) { outputs_ = {Type{value_.type, value_.shape, nullptr}}; }
  void run(std::span<const void* const>, std::span<void* const> outputs) const override {
    if (!value_.bytes.empty()) std::memcpy(outputs[0], value_.bytes.data(), value_.bytes.size());
  }
  std::optional<Tensor> known(size_t) const override { return value_; }

 private:
  Tensor value_;
};

std::unique_ptr<Operator> known_integers(NodeView& node, std::vector<int64_t> shape, std::span<const int64_t> values) {
  if (!node.ok()) return nullptr;
  Tensor tensor = Tensor::zeros(ElementType::i64, std::move(shape));
  std::copy(values.begin(), values.end(), tensor.as<int64_t>().begin());
  return std::make_unique<Known>(std::move(tensor));
}

std::unique_ptr<Operator> make_shape(NodeView& node) {
  node.expect_inputs(1, 1);
  node.expect_outputs(1);
  const auto& shape = node.input(0).shape;
  const auto rank = static_cast<int64_t>(shape.size());
  int64_t start = 0, end = rank;
  if (node.opset() >= 15) {
    const auto position = [&](int64_t at) { return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank); };
    start = position(node.integer("start", 0));
    end = std::max(start, position(node.integer("end", rank)));
  }
  const auto part = std::span(shape).subspan(static_cast<size_t>(start), static_cast<size_t>(end - start));
  return known_integers(node, {end - start}, part);
}

std::unique_ptr<Operator> make_size(NodeView& node) {
  node.expect_inputs(1, 1);
  node.expect_outputs(1);
  const int64_t size[] = {node.input(0).size()};
  return known_integers(node, {}, size);
}

/// One element throughout.
template <class T>
class Fill final : public Operator {
 public:
  Fill(Type output, T value) : value_(value) { outputs_ = {std::move(output)}; }
  void run(std::span<const void* const>, std::span<void* const> outputs) const override {
    std::fill_n(static_cast<T*>(outputs[0]), outputs_[0].size(), value_);
  }

 private:
  T value_;
};

std::unique_ptr<Operator> make_constant_of_shape(NodeView& node) {
  node.expect_inputs(1, 1);
  node.expect_outputs(1);
  const auto shape = node.constant_integers(0);
  const Tensor value = node.tensor("value", Tensor::zeros(ElementType::f32, {1}));
  if (value.size() != 1) node.fail("has " + graph::describe(value) + " as value; one element is expected");
  if (!node.ok()) return nullptr;
  Type output{value.type, *shape, nullptr};
  node.expect_sane(output);
  if (!node.ok()) return nullptr;
  switch (graph::size_of(value.type)) {
    case 1:
      return std::make_unique<Fill<uint8_t>>(std::move(output), value.as<uint8_t>()[0]);
    case 2:
      return std::make_unique<Fill<uint16_t>>(std::move(output), value.as<uint16_t>()[0]);
    case 4:
      return std::make_unique<Fill<uint32_t>>(std::move(output), value.as<uint32_t>()[0]);
    default:
      return std::make_unique<Fill<uint64_t>>(std::move(output), value.as<uint64_t>()[0]);
  }
}

/// start, start + step, ...
template <class T>
class Count final : public Operator {
 public:
  Count(Type output, T start, T step) : start_(start), step_(step) { outputs_ = {std::move(output)}; }
  void run(std::span<const void* const>, std::span<void* const> outputs) const override {
    T* const y = static_cast<T*>(outputs[0]);
    const int64_t size = outputs_[0].shape[0];
    // All are between start and limit; as unsigned numbers the steps there can't overflow.
    using Steps = std::conditional_t<std::is_integral_v<T>, uint64_t, T>;
    for (int64_t i = 0; i < size; ++i) {
      y[i] = static_cast<T>(static_cast<Steps>(start_) + static_cast<Steps>(i) * static_cast<Steps>(step_));
    }
  }

 private:
  T start_, step_;
};

template <class T>
std::unique_ptr<Operator> count(NodeView& node) {
  const T start = node.input(0).constant->as<T>()[0], limit = node.input(1).constant->as<T>()[0],
          step = node.input(2).constant->as<T>()[0];
  Type output{node.input(0).element, {0}, nullptr};
  constexpr auto kTooMany = int64_t{1} << 62;
  if (step == 0) node.fail("has a step of 0");
  if constexpr (std::is_integral_v<T>) {
    if (step > 0 ? limit > start : limit < start) {
      const auto from = static_cast<uint64_t>(start), to = static_cast<uint64_t>(limit);
      const uint64_t span = step > 0 ? to - from : from - to;
      const uint64_t stride = step > 0 ? static_cast<uint64_t>(step) : 0 - static_cast<uint64_t>(step);
      if (stride > 0) output.shape[0] = static_cast<int64_t>(std::min<uint64_t>((span - 1) / stride + 1, kTooMany));
    }
  } else {
    const double number = std::ceil((double{limit} - double{start}) / double{step});
    if (!std::isfinite(double{start}) || !std::isfinite(double{step}) || !std::isfinite(number)) {
      node.fail("has a start, limit or step that isn't finite");
    } else if (number > 0) {
      output.shape[0] = static_cast<int64_t>(std::min(number, static_cast<double>(kTooMany)));
    }
  }
  node.expect_sane(output);
  if (!node.ok()) return nullptr;
  return std::make_unique<Count<T>>(std::move(output), start, step);
}

std::unique_ptr<Operator> make_range(NodeView& node) {
  node.expect_inputs(3, 3);
  node.expect_outputs(1);
  for (size_t i = 0; i < 3; ++i) {
    const Type& input = node.input(i);
    if (!node.ok()) return nullptr;
    if (input.constant == nullptr || input.size() != 1 || input.element != node.input(0).element) {
      node.fail("has " + describe(input) + " as input " + std::to_string(i) +
                "; three constant numbers of one type are expected");
    }
  }
  if (!node.ok()) return nullptr;
  switch (node.input(0).element) {
    case ElementType::f32:
      return count<float>(node);
    case ElementType::f64:
      return count<double>(node);
    case ElementType::i16:
      return count<int16_t>(node);
    case ElementType::i32:
      return count<int32_t>(node);
    case ElementType::i64:
      return count<int64_t>(node);
    default:
      node.fail("counts in " + describe(node.input(0)) + "; float32, float64, int16, int32 and int64 are possible");
      return nullptr;
  }
}

}  // namespace

void add_shape(Makers& makers) {
  makers["ConstantOfShape"] = make_constant_of_shape;
  makers["Flatten"] = make_flatten;
  makers["Range"] = make_range;
  makers["Reshape"] = make_reshape;
  makers["Shape"] = make_shape;
  makers["Size"] = make_size;
  makers["Squeeze"] = make_squeeze;
  makers["Unsqueeze"] = make_unsqueeze;
}

}  // namespace sparsmith::ops

// Operators along one dimension: where its extremes are, its first ones in order, its running sums.
#include <functional>
#include <numeric>

#include "ops/registry.h"

namespace sparsmith::ops {
namespace {

using graph::ElementType;

/// A shape as [outer, count, inner] around one axis.
struct AxisView {
  int64_t outer = 1, count = 1, inner = 1;
};
AxisView around(const std::vector<int64_t>& shape, size_t axis) {
  AxisView view;
  for (size_t i = 0; i < shape.size(); ++i) (i < axis ? view.outer : i == axis ? view.count : view.inner) *= shape[i];
  return view;
}

/// a comes before b among the largest or the smallest; NaN is larger than any number.
template <class T, bool kLargest>
bool comes_first(T a, T b) {
  if constexpr (kLargest) return a > b || (a != a && b == b);
  return a < b || (a == a && b != b);
}

/// Makes Make<T>::make(arguments) for the input's elements.
template <template <class> class Make, class... Arguments>
std::unique_ptr<Operator> of_numbers(NodeView& node, Arguments&&... arguments) {
  if (!node.ok()) return nullptr;
  switch (node.input(0).element) {
    case ElementType::f32:
      return std::make_unique<Make<float>>(std::forward<Arguments>(arguments)...);
    case ElementType::i64:
      return std::make_unique<Make<int64_t>>(std::forward<Arguments>(arguments)...);
    case ElementType::i32:
      return std::make_unique<Make<int32_t>>(std::forward<Arguments>(arguments)...);
    default:
      node.fail("works on " + describe(node.input(0)) + "; float32, int64 and int32 are possible");
      return nullptr;
  }
}

/// The index of the largest or smallest element. The first NaN is both, as numpy has it.
template <class T>
class Extreme final : public Operator {
 public:
  Extreme(Type output, const AxisView& view, bool largest, bool last) : view_(view), largest_(largest), last_(last) {
    outputs_ = {std::move(output)};
  }
  void run(std::span<const void* const> inputs, std::span<void* const> outputs) const override {
    const auto* x = static_cast<const T*>(inputs[0]);
    auto* y = static_cast<int64_t*>(outputs[0]);
    if (outputs_[0].size() == 0) return;
    for (int64_t i = 0; i < view_.outer; ++i, x += view_.count * view_.inner, y += view_.inner) {
      for (int64_t first = 0; first < view_.inner; first += kColumns) {
        const int64_t columns = std::min(kColumns, view_.inner - first);
        if (largest_) {
          last_ ? find<std::greater_equal<>>(x + first, y + first, columns)
                : find<std::greater<>>(x + first, y + first, columns);
        } else {
          last_ ? find<std::less_equal<>>(x + first, y + first, columns)
                : find<std::less<>>(x + first, y + first, columns);
        }
      }
    }
  }

 private:
  static constexpr int64_t kColumns = 256;

  template <class Better>
  void find(const T* x, int64_t* y, int64_t columns) const {
    const Better better;
    T best[kColumns];
    std::copy_n(x, columns, best);
    std::fill_n(y, columns, 0);
    for (int64_t k = 1; k < view_.count; ++k) {
      const T* const row = x + k * view_.inner;
      for (int64_t i = 0; i < columns; ++i) {
        const T value = row[i];
        if (better(value, best[i]) || (value != value && (last_ || best[i] == best[i]))) {
          best[i] = value;
          y[i] = k;
        }
      }
    }
  }

  AxisView view_;
  bool largest_, last_;
};

std::unique_ptr<Operator> make_extreme(NodeView& node, bool largest) {
  node.expect_inputs(1, 1);
  node.expect_outputs(1);
  const Type& x = node.input(0);
  const auto axis = static_cast<size_t>(node.axis(node.integer("axis", 0), x.shape.size()));
  const bool keep = node.integer("keepdims", 1) != 0, last = node.integer("select_last_index", 0) != 0;
  if (!node.ok()) return nullptr;
  const AxisView view = around(x.shape, axis);
  if (view.count == 0) node.fail("seeks the extreme of no elements: " + describe(x));
  Type output{ElementType::i64, x.shape, nullptr};
  output.shape[axis] = 1;
  if (!keep) output.shape.erase(output.shape.begin() + static_cast<std::ptrdiff_t>(axis));
  return of_numbers<Extreme>(node, std::move(output), view, largest, last);
}

/// The first of the order, each with its index; equal ones by index. Always sorted, which "sorted = 0" leaves open.
template <class T>
class TopK final : public Operator {
 public:
  TopK(std::vector<Type> outputs, const AxisView& view, int64_t k, bool largest)
      : view_(view), k_(k), largest_(largest) {
    outputs_ = std::move(outputs);
  }
  void run(std::span<const void* const> inputs, std::span<void* const> outputs) const override {
    const auto* x = static_cast<const T*>(inputs[0]);
    auto* values = static_cast<T*>(outputs[0]);
    auto* indices = outputs.size() > 1 ? static_cast<int64_t*>(outputs[1]) : nullptr;
    if (outputs_[0].size() == 0) return;
    std::vector<int64_t> order(static_cast<size_t>(view_.count));
    for (int64_t i = 0; i < view_.outer; ++i, x += view_.count * view_.inner) {
      for (int64_t j = 0; j < view_.inner; ++j) {
        largest_ ? sort<true>(x + j, order) : sort<false>(x + j, order);
        for (int64_t k = 0; k < k_; ++k) {
          const int64_t at = (i * k_ + k) * view_.inner + j, from = order[static_cast<size_t>(k)];
          if (values != nullptr) values[at] = x[from * view_.inner + j];
          if (indices != nullptr) indices[at] = from;
        }
      }
    }
  }

 private:
  template <bool kLargest>
  void sort(const T* x, std::vector<int64_t>& order) const {
    std::iota(order.begin(), order.end(), 0);
    std::partial_sort(order.begin(), order.begin() + k_, order.end(), [&](int64_t a, int64_t b) {
      const T value_a = x[a * view_.inner], value_b = x[b * view_.inner];
      if (comes_first<T, kLargest>(value_a, value_b)) return true;
      return !comes_first<T, kLargest>(value_b, value_a) && a < b;
    });
  }

  AxisView view_;
  int64_t k_;
  bool largest_;
};

std::unique_ptr<Operator> make_topk(NodeView& node) {
  const bool attribute = node.opset() < 10;
  node.expect_inputs(attribute ? 1 : 2, attribute ? 1 : 2);
  node.expect_outputs(2);
  const Type& x = node.input(0);
  const auto axis = static_cast<size_t>(node.axis(node.integer("axis", -1), x.shape.size()));
  const bool largest = node.integer("largest", 1) != 0;
  const std::vector<int64_t> k =
      attribute ? std::vector{node.integer("k", -1)} : node.constant_integers(1).value_or(std::vector<int64_t>{});
  if (!node.ok()) return nullptr;
  if (k.size() != 1 || k[0] < 0 || k[0] > x.shape[axis]) {
    node.fail("has k = " + graph::shape_text(k) + "; one number from 0 to " + std::to_string(x.shape[axis]) +
              ", the size of axis " + std::to_string(axis) + ", is expected");
    return nullptr;
  }
  std::vector<Type> outputs{Type{x.element, x.shape, nullptr}, Type{ElementType::i64, x.shape, nullptr}};
  for (Type& output : outputs) output.shape[axis] = k[0];
  outputs.resize(node.node().outputs.size());
  return of_numbers<TopK>(node, std::move(outputs), around(x.shape, axis), k[0], largest);
}

template <class T>
class RunningSum final : public Operator {
 public:
  RunningSum(const Type& x, const AxisView& view, bool exclusive, bool reverse)
      : view_(view), exclusive_(exclusive), reverse_(reverse) {
    outputs_ = {Type{x.element, x.shape, nullptr}};
  }
  void run(std::span<const void* const> inputs, std::span<void* const> outputs) const override {
    const auto* x = static_cast<const T*>(inputs[0]);
    auto* y = static_cast<T*>(outputs[0]);
    if (outputs_[0].size() == 0) return;
    const int64_t row = view_.inner, last = (view_.count - 1) * row, step = reverse_ ? -row : row;
    for (int64_t i = 0; i < view_.outer; ++i, x += view_.count * row, y += view_.count * row) {
      int64_t at = reverse_ ? last : 0;
      for (int64_t j = 0; j < row; ++j) y[at + j] = exclusive_ ? T{} : x[at + j];
      for (int64_t k = 1; k < view_.count; ++k, at += step) {
        const T* const added = x + (exclusive_ ? at : at + step);
        for (int64_t j = 0; j < row; ++j) y[at + step + j] = sum(y[at + j], added[j]);
      }
    }
  }

 private:
  static T sum(T a, T b) {
    if constexpr (std::is_integral_v<T>) {
      using U = std::make_unsigned_t<T>;
      return static_cast<T>(static_cast<U>(a) + static_cast<U>(b));
    } else {
      return a + b;
    }
  }

  AxisView view_;
  bool exclusive_, reverse_;
};

std::unique_ptr<Operator> make_running_sum(NodeView& node) {
  node.expect_inputs(2, 2);
  node.expect_outputs(1);
  const Type& x = node.input(0);
  const auto axes = node.constant_integers(1).value_or(std::vector<int64_t>{});
  if (node.ok() && axes.size() != 1) node.fail("has axis " + graph::shape_text(axes) + "; one number is expected");
  if (!node.ok()) return nullptr;
  const auto axis = static_cast<size_t>(node.axis(axes[0], x.shape.size()));
  const bool exclusive = node.integer("exclusive", 0) != 0, reverse = node.integer("reverse", 0) != 0;
  if (!node.ok()) return nullptr;
  return of_numbers<RunningSum>(node, x, around(x.shape, axis), exclusive, reverse);
}

}  // namespace

void add_along_axis(Makers& makers) {
  makers["ArgMax"] = [](NodeView& node) { return make_extreme(node, true); };
  makers["ArgMin"] = [](NodeView& node) { return make_extreme(node, false); };
  makers["CumSum"] = make_running_sum;
  makers["TopK"] = make_topk;
}

}  // namespace sparsmith::ops

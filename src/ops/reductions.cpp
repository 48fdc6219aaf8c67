// Sums, products and extremes over some of a tensor's dimensions.
#include <cmath>

#include "ops/lanes.h"
#include "ops/registry.h"

namespace sparsmith::ops {
namespace {

using graph::ElementType;

// What is reduced: join() adds an element to a result so far, row() is all of a row, merge() joins two results.

/// Sums of f(x), in double.
template <class F>
struct FloatSum {
  using Element = float;
  using Sum = double;
  static constexpr Sum kStart = 0;
  static Sum join(Sum sum, float x) { return sum + double{F{}(x)}; }
  static Sum row(const float* x, int64_t count) { return sum_of(x, count, F{}); }
  static Sum merge(Sum a, Sum b) { return a + b; }
  static float finish(Sum sum, int64_t) { return static_cast<float>(sum); }
};
struct Plain {
  float operator()(float x) const { return x; }
};
struct Magnitude {
  float operator()(float x) const { return std::fabs(x); }
};
struct Square {
  float operator()(float x) const { return x * x; }
};
struct FloatMean : FloatSum<Plain> {
  static float finish(Sum sum, int64_t count) { return static_cast<float>(sum / static_cast<double>(count)); }
};
struct FloatNorm : FloatSum<Square> {
  static float finish(Sum sum, int64_t) { return static_cast<float>(std::sqrt(sum)); }
};

/// f of all elements.
template <class T, class S, class F, class Start>
struct Fold {
  using Element = T;
  using Sum = S;
  static constexpr S kStart = Start::kValue;
  static S join(S sum, T x) { return F{}(sum, static_cast<S>(x)); }
  static S row(const T* x, int64_t count) {
    if constexpr (std::is_same_v<T, S>) {
      return fold_of(x, count, kStart, F{});
    } else {
      S sum = kStart;
      for (int64_t i = 0; i < count; ++i) sum = join(sum, x[i]);
      return sum;
    }
  }
  static S merge(S a, S b) { return F{}(a, b); }
  static T finish(S sum, int64_t) { return static_cast<T>(sum); }
};
// What a fold starts from, as types: not every compiler takes numbers with a point as template arguments.
template <class T>
struct Most {
  static constexpr T kValue =
      std::numeric_limits<T>::has_infinity ? std::numeric_limits<T>::infinity() : std::numeric_limits<T>::max();
};
template <class T>
struct Least {
  static constexpr T kValue =
      std::numeric_limits<T>::has_infinity ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::min();
};
template <int value>
struct Whole {
  static constexpr int kValue = value;
};
template <class T>
using Largest = Fold<T, T, Larger, Least<T>>;
template <class T>
using Smallest = Fold<T, T, Smaller, Most<T>>;
// Integers in uint64_t, where they wrap around.
template <class T>
using IntegerSum = Fold<T, uint64_t, std::plus<>, Whole<0>>;
template <class T>
using IntegerProduct = Fold<T, uint64_t, std::multiplies<>, Whole<1>>;
struct FloatProduct : Fold<float, double, std::multiplies<>, Whole<1>> {};

/// Dimensions of a tensor one after another, by their number: where each combination of indices lies.
class Positions {
 public:
  /// Dimensions from the outermost on.
  void add(int64_t size, int64_t stride) {
    for (Step& step : steps_) step.below *= size;
    steps_.push_back({1, size, stride});
    count_ *= size;
  }
  int64_t count() const { return count_; }
  int64_t operator[](int64_t number) const {
    if (steps_.size() == 1) return number * steps_[0].stride;
    int64_t position = 0;
    for (const Step& step : steps_) position += number / step.below % step.size * step.stride;
    return position;
  }

 private:
  struct Step {
    int64_t below, size, stride;
  };
  std::vector<Step> steps_;
  int64_t count_ = 1;
};

/// How a tensor is walked: kept and reduced dimensions, of which the innermost is a loop of its own.
struct Walk {
  Positions kept, reduced;
  int64_t inner = 1;
  bool inner_reduced = false;
  int64_t count = 1;  ///< elements that make one result
};

Walk walk_of(const std::vector<int64_t>& shape, const std::vector<bool>& reduced) {
  struct Group {
    int64_t size;
    bool reduced;
  };
  std::vector<Group> groups;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 1) continue;
    if (!groups.empty() && groups.back().reduced == reduced[i]) {
      groups.back().size *= shape[i];
    } else {
      groups.push_back({shape[i], reduced[i]});
    }
  }
  Walk walk;
  int64_t stride = 1;
  for (const Group& group : groups) stride *= std::max<int64_t>(group.size, 1);
  for (size_t i = 0; i < groups.size(); ++i) {
    const Group& group = groups[i];
    stride /= std::max<int64_t>(group.size, 1);
    if (group.reduced) walk.count *= group.size;
    if (i + 1 == groups.size()) {
      walk.inner = group.size;
      walk.inner_reduced = group.reduced;
    } else {
      (group.reduced ? walk.reduced : walk.kept).add(group.size, stride);
    }
  }
  return walk;
}

template <class R>
class Reduction final : public Operator {
 public:
  Reduction(Type output, Walk walk) : walk_(std::move(walk)) { outputs_ = {std::move(output)}; }

  void run(std::span<const void* const> inputs, std::span<void* const> outputs) const override {
    using T = typename R::Element;
    const auto* const x = static_cast<const T*>(inputs[0]);
    auto* y = static_cast<T*>(outputs[0]);
    if (outputs_[0].size() == 0) return;
    for (int64_t i = 0; i < walk_.kept.count(); ++i) {
      const T* const from = x + walk_.kept[i];
      if (walk_.inner_reduced) {
        auto sum = R::kStart;
        for (int64_t r = 0; r < walk_.reduced.count(); ++r) {
          sum = R::merge(sum, R::row(from + walk_.reduced[r], walk_.inner));
        }
        *y++ = R::finish(sum, walk_.count);
        continue;
      }
      for (int64_t first = 0; first < walk_.inner; first += kColumns) {
        const int64_t columns = std::min(kColumns, walk_.inner - first);
        typename R::Sum sums[kColumns];
        std::fill_n(sums, columns, R::kStart);
        for (int64_t r = 0; r < walk_.reduced.count(); ++r) {
          const T* const row = from + walk_.reduced[r] + first;
          for (int64_t c = 0; c < columns; ++c) sums[c] = R::join(sums[c], row[c]);
        }
        for (int64_t c = 0; c < columns; ++c) *y++ = R::finish(sums[c], walk_.count);
      }
    }
  }

 private:
  static constexpr int64_t kColumns = 256;
  Walk walk_;
};

/// Which dimensions are reduced; all, where the node doesn't say, unless it asks for none then.
std::vector<bool> read_axes(NodeView& node, int64_t input_since) {
  const size_t rank = node.input(0).shape.size();
  const bool as_input = node.opset() >= input_since;
  if (as_input && node.has_attribute("axes")) {
    node.fail("has an attribute axes in opset " + std::to_string(node.opset()) + "; from opset " +
              std::to_string(input_since) + " on they are an input");
  }
  const std::vector<int64_t> axes =
      as_input ? node.constant_integers(1).value_or(std::vector<int64_t>{}) : node.integers("axes");
  const bool none = as_input && node.integer("noop_with_empty_axes", 0) != 0;
  std::vector<bool> reduced(rank, axes.empty() && !none);
  for (const size_t axis : node.axes(axes, rank)) reduced[axis] = true;
  return reduced;
}

template <class R>
std::unique_ptr<Operator> reduction(NodeView& node, const std::vector<bool>& reduced) {
  const Type& x = node.input(0);
  const bool keep = node.integer("keepdims", 1) != 0;
  Type output{x.element, {}, nullptr};
  for (size_t i = 0; i < x.shape.size(); ++i) {
    if (!reduced[i]) output.shape.push_back(x.shape[i]);
    if (reduced[i] && keep) output.shape.push_back(1);
  }
  return std::make_unique<Reduction<R>>(std::move(output), walk_of(x.shape, reduced));
}

/// Floats by F; int64 and int32 by I64 and I32, where they aren't void.
template <class F, class I64 = void, class I32 = void>
std::unique_ptr<Operator> make_reduction(NodeView& node) {
  const int64_t input_since = node.node().op == "ReduceSum" ? 13 : 18;
  node.expect_inputs(1, node.opset() < input_since ? 1 : 2);
  node.expect_outputs(1);
  const Type& x = node.input(0);
  if (!node.ok()) return nullptr;
  const std::vector<bool> reduced = read_axes(node, input_since);
  if (!node.ok()) return nullptr;
  if (x.element == ElementType::f32) return reduction<F>(node, reduced);
  if constexpr (!std::is_void_v<I64>) {
    if (x.element == ElementType::i64) return reduction<I64>(node, reduced);
    if (x.element == ElementType::i32) return reduction<I32>(node, reduced);
    node.fail("reduces " + describe(x) + "; float32, int64 and int32 are possible");
  }
  node.expect_element(0, ElementType::f32);
  return nullptr;
}

}  // namespace

void add_reductions(Makers& makers) {
  makers["ReduceL1"] = make_reduction<FloatSum<Magnitude>>;
  makers["ReduceL2"] = make_reduction<FloatNorm>;
  makers["ReduceMax"] = make_reduction<Largest<float>, Largest<int64_t>, Largest<int32_t>>;
  makers["ReduceMean"] = make_reduction<FloatMean>;
  makers["ReduceMin"] = make_reduction<Smallest<float>, Smallest<int64_t>, Smallest<int32_t>>;
  makers["ReduceProd"] = make_reduction<FloatProduct, IntegerProduct<int64_t>, IntegerProduct<int32_t>>;
  makers["ReduceSum"] = make_reduction<FloatSum<Plain>, IntegerSum<int64_t>, IntegerSum<int32_t>>;
  makers["ReduceSumSquare"] = make_reduction<FloatSum<Square>>;
}

}  // namespace sparsmith::ops

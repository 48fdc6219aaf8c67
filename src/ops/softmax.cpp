// Softmax and its logarithm.
#include <cmath>

#include "ops/elementary.h"
#include "ops/lanes.h"
#include "ops/registry.h"
#include "ops/vector_math.h"

namespace sparsmith::ops {
namespace {

using graph::ElementType;

/// Over the middle one of [outer, count, inner].
template <bool kLogarithm>
class Softmax final : public Operator {
 public:
  Softmax(const Type& input, int64_t outer, int64_t count, int64_t inner)
      : outer_(outer), count_(count), inner_(inner) {
    outputs_ = {Type{input.element, input.shape, nullptr}};
  }
  void run(std::span<const void* const> inputs, std::span<void* const> outputs) const override {
    const auto* x = static_cast<const float*>(inputs[0]);
    auto* y = static_cast<float*>(outputs[0]);
    if (outputs_[0].size() == 0) return;
    for (int64_t i = 0; i < outer_; ++i, x += count_ * inner_, y += count_ * inner_) {
      if (inner_ == 1) {
        normalise_row(x, y);
        continue;
      }
      for (int64_t first = 0; first < inner_; first += kColumns) {
        normalise_columns(x + first, y + first, std::min(kColumns, inner_ - first));
      }
    }
  }

 private:
  static constexpr int64_t kColumns = 256;

  void normalise_row(const float* x, float* y) const {
    float most = 0;
    const double sum = vector_math().exponentials(x, count_, y, most);
    if (kLogarithm) {
      const auto log_sum = static_cast<float>(std::log(sum));
      for (int64_t i = 0; i < count_; ++i) y[i] = (x[i] - most) - log_sum;
    } else {
      const auto scale = static_cast<float>(1 / sum);
      for (int64_t i = 0; i < count_; ++i) y[i] *= scale;
    }
  }

  void normalise_columns(const float* x, float* y, int64_t columns) const {
    float most[kColumns], sum[kColumns];
    std::fill_n(most, columns, -INFINITY);
    std::fill_n(sum, columns, 0.0f);
    const Larger larger;
    for (int64_t k = 0; k < count_; ++k) {
      for (int64_t i = 0; i < columns; ++i) most[i] = larger(most[i], x[k * inner_ + i]);
    }
    for (int64_t k = 0; k < count_; ++k) {
      for (int64_t i = 0; i < columns; ++i) {
        const float e = exp(x[k * inner_ + i] - most[i]);
        y[k * inner_ + i] = e;
        sum[i] += e;
      }
    }
    for (int64_t i = 0; i < columns; ++i) sum[i] = kLogarithm ? std::log(sum[i]) : 1 / sum[i];
    for (int64_t k = 0; k < count_; ++k) {
      for (int64_t i = 0; i < columns; ++i) {
        float& to = y[k * inner_ + i];
        to = kLogarithm ? (x[k * inner_ + i] - most[i]) - sum[i] : to * sum[i];
      }
    }
  }

  int64_t outer_, count_, inner_;
};

template <bool kLogarithm>
std::unique_ptr<Operator> make_softmax(NodeView& node) {
  node.expect_inputs(1, 1);
  node.expect_outputs(1);
  node.expect_element(0, ElementType::f32);
  const Type& x = node.input(0);
  // Up to opset 12 everything from the axis on is one row.
  const bool flattened = node.opset() < 13;
  const auto axis = static_cast<size_t>(node.axis(node.integer("axis", flattened ? 1 : -1), x.shape.size()));
  if (!node.ok()) return nullptr;
  int64_t outer = 1, count = 1, inner = 1;
  for (size_t i = 0; i < x.shape.size(); ++i) {
    (i < axis ? outer : i == axis || flattened ? count : inner) *= x.shape[i];
  }
  return std::make_unique<Softmax<kLogarithm>>(x, outer, count, inner);
}

}  // namespace

void add_softmax(Makers& makers) {
  makers["LogSoftmax"] = make_softmax<true>;
  makers["Softmax"] = make_softmax<false>;
}

}  // namespace sparsmith::ops

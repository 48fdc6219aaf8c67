// Normalisations: by statistics that are given, of rows, of images, of neighbouring channels.
#include <array>
#include <cmath>

#include "ops/broadcast.h"
#include "ops/lanes.h"
#include "ops/registry.h"

namespace sparsmith::ops {
namespace {

using graph::ElementType;

/// An image batch as [batch, channels, elements of an image].
struct Images {
  int64_t batch = 0, channels = 0, elements = 1;
};
Images images_of(NodeView& node, size_t least_rank) {
  const Type& x = node.input(0);
  if (node.ok() && x.shape.size() < least_rank) {
    node.fail("works on " + describe(x) + "; at least " + std::to_string(least_rank) +
              " dimensions, [batch, channels, ...], are expected");
  }
  if (!node.ok()) return {};
  Images images{x.shape[0], x.shape[1]};
  for (size_t i = 2; i < x.shape.size(); ++i) images.elements *= x.shape[i];
  return images;
}

/// Inputs first..last must hold one float of each channel.
void expect_channels(NodeView& node, size_t first, size_t last, int64_t channels) {
  for (size_t i = first; i <= last; ++i) {
    node.expect_element(i, ElementType::f32);
    const Type& type = node.input_of_rank(i, 1);
    if (node.ok() && type.shape[0] != channels) {
      node.fail("has " + describe(type) + " as input " + std::to_string(i) + " for " + std::to_string(channels) +
                " channels");
    }
  }
}

/// Of one row; an element becomes (x - centre) * scale + offset.
struct Statistics {
  float mean = 0;
  float centre = 0, scale = 0, offset = 0;  ///< centre: nearly the mean; the offset is what it lacks
};
Statistics statistics_of(const float* x, int64_t count, float epsilon) {
  const auto number = static_cast<double>(count);
  const auto centre = static_cast<float>(sum_of(x, count, [](float v) { return v; }) / number);
  // Sums of small differences are exact where those of large elements aren't.
  const double off = sum_of(x, count, [centre](float v) { return v - centre; }) / number;
  const double squares = sum_of(x, count, [centre](float v) { return (v - centre) * (v - centre); });
  const double variance = squares / number - off * off;
  const double scale = 1 / std::sqrt((variance < 0 ? 0.0 : variance) + double{epsilon});  // NaN stays
  return {static_cast<float>(double{centre} + off), centre, static_cast<float>(scale),
          static_cast<float>(-off * scale)};
}

class BatchNormalization final : public Operator {
 public:
  BatchNormalization(const Type& x, const Images& images, float epsilon) : images_(images), epsilon_(epsilon) {
    outputs_ = {Type{x.element, x.shape, nullptr}};
  }
  void run(std::span<const void* const> inputs, std::span<void* const> outputs) const override {
    const auto input = [&](size_t i) { return static_cast<const float*>(inputs[i]); };
    const float* x = input(0);
    auto* y = static_cast<float*>(outputs[0]);
    for (int64_t n = 0; n < images_.batch; ++n) {
      for (int64_t c = 0; c < images_.channels; ++c, x += images_.elements, y += images_.elements) {
        const double factor = double{input(1)[c]} / std::sqrt(double{input(4)[c]} + double{epsilon_});
        const auto scale = static_cast<float>(factor), mean = input(3)[c], shift = input(2)[c];
        for (int64_t i = 0; i < images_.elements; ++i) y[i] = (x[i] - mean) * scale + shift;
      }
    }
  }

 private:
  Images images_;
  float epsilon_;
};

std::unique_ptr<Operator> make_batch_normalization(NodeView& node) {
  node.expect_inputs(5, 5);
  if (node.node().outputs.size() > 1 || node.integer("training_mode", 0) != 0) {
    node.fail("is in its training form, with further outputs or training_mode; only inference is supported",
              "export the model in evaluation mode");
  }
  node.expect_outputs(1);
  node.expect_element(0, ElementType::f32);
  const Images images = images_of(node, 2);
  expect_channels(node, 1, 4, images.channels);
  const float epsilon = node.number("epsilon", 1e-5f);
  return node.ok() ? std::make_unique<BatchNormalization>(node.input(0), images, epsilon) : nullptr;
}

class InstanceNormalization final : public Operator {
 public:
  InstanceNormalization(const Type& x, const Images& images, float epsilon) : images_(images), epsilon_(epsilon) {
    outputs_ = {Type{x.element, x.shape, nullptr}};
  }
  void run(std::span<const void* const> inputs, std::span<void* const> outputs) const override {
    const auto *x = static_cast<const float*>(inputs[0]), *scales = static_cast<const float*>(inputs[1]);
    const auto* const shifts = static_cast<const float*>(inputs[2]);
    auto* y = static_cast<float*>(outputs[0]);
    for (int64_t n = 0; n < images_.batch; ++n) {
      for (int64_t c = 0; c < images_.channels; ++c, x += images_.elements, y += images_.elements) {
        const Statistics of = statistics_of(x, images_.elements, epsilon_);
        const float scale = scales[c], shift = shifts[c];
        for (int64_t i = 0; i < images_.elements; ++i) {
          y[i] = ((x[i] - of.centre) * of.scale + of.offset) * scale + shift;
        }
      }
    }
  }

 private:
  Images images_;
  float epsilon_;
};

std::unique_ptr<Operator> make_instance_normalization(NodeView& node) {
  node.expect_inputs(3, 3);
  node.expect_outputs(1);
  node.expect_element(0, ElementType::f32);
  const Images images = images_of(node, 3);
  expect_channels(node, 1, 2, images.channels);
  const float epsilon = node.number("epsilon", 1e-5f);
  return node.ok() ? std::make_unique<InstanceNormalization>(node.input(0), images, epsilon) : nullptr;
}

/// Rows of `count` elements by their own mean and deviation, then scaled and shifted.
class LayerNormalization final : public Operator {
 public:
  LayerNormalization(std::vector<Type> outputs, size_t axis, const Type& scale, const Type* shift, float epsilon)
      : epsilon_(epsilon), has_shift_(shift != nullptr) {
    outputs_ = std::move(outputs);
    const Type& y = outputs_[0];
    const Type row{ElementType::f32, {y.shape.begin() + static_cast<std::ptrdiff_t>(axis), y.shape.end()}, nullptr};
    count_ = row.size();
    rows_ = count_ == 0 ? 0 : y.size() / count_;
    alike_ = scale.shape == row.shape && (shift == nullptr || shift->shape == row.shape);
    stretched_ = Broadcast<2>(y.shape, {scale.shape, shift == nullptr ? std::vector<int64_t>{} : shift->shape});
  }
  void run(std::span<const void* const> inputs, std::span<void* const> outputs) const override {
    const auto* x = static_cast<const float*>(inputs[0]);
    const auto* const scales = static_cast<const float*>(inputs[1]);
    constexpr float kNoShift = 0;
    const auto* const shifts = has_shift_ ? static_cast<const float*>(inputs[2]) : &kNoShift;
    const auto output = [&](size_t i) { return i < outputs.size() ? static_cast<float*>(outputs[i]) : nullptr; };
    float *const whole = output(0), *const means = output(1), *const deviations = output(2);
    float* y = whole;
    for (int64_t row = 0; row < rows_; ++row, x += count_) {
      const Statistics of = statistics_of(x, count_, epsilon_);
      if (means != nullptr) means[row] = of.mean;
      if (deviations != nullptr) deviations[row] = of.scale;
      if (y == nullptr) continue;
      const auto normal = [&of](float v) { return (v - of.centre) * of.scale + of.offset; };
      if (!alike_) {
        for (int64_t i = 0; i < count_; ++i) y[i] = normal(x[i]);
      } else if (has_shift_) {
        for (int64_t i = 0; i < count_; ++i) y[i] = normal(x[i]) * scales[i] + shifts[i];
      } else {
        for (int64_t i = 0; i < count_; ++i) y[i] = normal(x[i]) * scales[i];
      }
      y += count_;
    }
    if (alike_ || whole == nullptr) return;
    stretched_.for_each_row([&](int64_t at, const auto& from, int64_t count, const auto& step) {
      for (int64_t i = 0; i < count; ++i) {
        float& to = whole[at + i];
        to = to * scales[from[0] + i * step[0]] + shifts[from[1] + i * step[1]];
      }
    });
  }

 private:
  int64_t rows_ = 0, count_ = 0;
  float epsilon_;
  bool has_shift_;
  bool alike_;  ///< a scale and a shift for each element of a row, the same for all rows
  Broadcast<2> stretched_;
};

std::unique_ptr<Operator> make_layer_normalization(NodeView& node) {
  node.expect_inputs(2, 3);
  node.expect_outputs(3);
  const size_t inputs = node.has(2) ? 3 : 2;
  for (size_t i = 0; i < inputs; ++i) node.expect_element(i, ElementType::f32);
  const Type& x = node.input(0);
  const auto axis = static_cast<size_t>(node.axis(node.integer("axis", -1), x.shape.size()));
  if (const int64_t stash = node.integer("stash_type", 1); stash != 1) {
    node.fail("has stash_type " + std::to_string(stash) + "; 1 (float32) is supported");
  }
  for (size_t i = 1; node.ok() && i < inputs; ++i) {
    if (broadcast_shape(std::array{node.input(i).shape, x.shape}) == x.shape) continue;
    node.fail("has " + describe(node.input(i)) + " as input " + std::to_string(i) + ", which doesn't stretch to " +
              describe(x));
  }
  const float epsilon = node.number("epsilon", 1e-5f);
  if (!node.ok()) return nullptr;
  Type row{ElementType::f32, x.shape, nullptr};
  std::fill(row.shape.begin() + static_cast<std::ptrdiff_t>(axis), row.shape.end(), 1);
  std::vector<Type> outputs{Type{ElementType::f32, x.shape, nullptr}, row, row};
  outputs.resize(node.node().outputs.size());
  return std::make_unique<LayerNormalization>(std::move(outputs), axis, node.input(1),
                                              inputs == 3 ? &node.input(2) : nullptr, epsilon);
}

/// y = x / (bias + alpha / size * the squares' sum over `size` neighbouring channels) ^ beta.
class LocalResponse final : public Operator {
 public:
  LocalResponse(NodeView& node, const Type& x, const Images& images, int64_t size)
      : images_(images),
        size_(size),
        alpha_(node.number("alpha", 1e-4f)),
        beta_(node.number("beta", 0.75f)),
        bias_(node.number("bias", 1)) {
    outputs_ = {Type{x.element, x.shape, nullptr}};
  }
  void run(std::span<const void* const> inputs, std::span<void* const> outputs) const override {
    const auto* x = static_cast<const float*>(inputs[0]);
    auto* y = static_cast<float*>(outputs[0]);
    const int64_t before = (size_ - 1) / 2, after = size_ - 1 - before;
    for (int64_t n = 0; n < images_.batch; ++n) {
      for (int64_t c = 0; c < images_.channels; ++c) {
        const int64_t lo = c > before ? c - before : 0;
        const int64_t hi = after < images_.channels - c ? c + after + 1 : images_.channels;
        for (int64_t first = 0; first < images_.elements; first += kColumns) {
          add_up(x + first, lo, hi, std::min(kColumns, images_.elements - first), x + c * images_.elements + first,
                 y + c * images_.elements + first);
        }
      }
      x += images_.channels * images_.elements;
      y += images_.channels * images_.elements;
    }
  }

 private:
  static constexpr int64_t kColumns = 256;

  void add_up(const float* image, int64_t lo, int64_t hi, int64_t columns, const float* x, float* y) const {
    float sums[kColumns] = {};
    for (int64_t c = lo; c < hi; ++c) {
      const float* const from = image + c * images_.elements;
      for (int64_t i = 0; i < columns; ++i) sums[i] += from[i] * from[i];
    }
    const float factor = alpha_ / static_cast<float>(size_);
    for (int64_t i = 0; i < columns; ++i) y[i] = x[i] / std::pow(bias_ + factor * sums[i], beta_);
  }

  Images images_;
  int64_t size_;
  float alpha_, beta_, bias_;
};

std::unique_ptr<Operator> make_local_response(NodeView& node) {
  node.expect_inputs(1, 1);
  node.expect_outputs(1);
  node.expect_element(0, ElementType::f32);
  const Images images = images_of(node, 2);
  const int64_t size = node.integer("size", 0);
  if (size < 1) node.fail("has size " + std::to_string(size) + "; a number of channels, at least 1, is expected");
  return node.ok() ? std::make_unique<LocalResponse>(node, node.input(0), images, size) : nullptr;
}

}  // namespace

void add_normalization(Makers& makers) {
  makers["BatchNormalization"] = make_batch_normalization;
  makers["InstanceNormalization"] = make_instance_normalization;
  makers["LRN"] = make_local_response;
  makers["LayerNormalization"] = make_layer_normalization;
}

}  // namespace sparsmith::ops

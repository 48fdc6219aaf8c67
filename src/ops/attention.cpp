// Attention of several heads (layer.h), one query after the other.
#include <array>
#include <cmath>

#include "ops/broadcast.h"
#include "ops/layer.h"
#include "ops/registry.h"

namespace sparsmith::ops {

using graph::ElementType;

namespace {

class Attention final : public Operator {
 public:
  Attention(const AttentionShape& shape) : shape_(shape) {
    outputs_ = {Type{ElementType::f32, {shape.batch, shape.queries, shape.heads * shape.width}, nullptr}};
  }
  void run(std::span<const void* const> inputs, std::span<void* const> outputs) const override {
    const auto input = [&](size_t i) { return i < inputs.size() ? static_cast<const float*>(inputs[i]) : nullptr; };
    auto* y = static_cast<float*>(outputs[0]);
    std::vector<double> weights(static_cast<size_t>(shape_.keys));
    const int64_t in = shape_.heads * shape_.depth, out = shape_.heads * shape_.width;
    for (int64_t b = 0; b < shape_.batch; ++b) {
      const float *const k = input(1) + b * shape_.keys * in, *const v = input(2) + b * shape_.keys * out;
      for (int64_t i = 0; i < shape_.queries; ++i, y += out) {
        const float* const q = input(0) + (b * shape_.queries + i) * in;
        for (int64_t h = 0; h < shape_.heads; ++h) {
          const float* const mask = input(3) == nullptr ? nullptr : input(3) + shape_.mask_at(b, h, i, 0);
          soften(q + h * shape_.depth, k + h * shape_.depth, mask, weights);
          for (int64_t c = 0; c < shape_.width; ++c) {
            double sum = 0;
            for (int64_t j = 0; j < shape_.keys; ++j) {
              sum += weights[static_cast<size_t>(j)] * double{v[j * out + h * shape_.width + c]};
            }
            y[h * shape_.width + c] = static_cast<float>(sum);
          }
        }
      }
    }
  }

 private:
  void soften(const float* q, const float* k, const float* mask, std::vector<double>& weights) const {
    double most = -INFINITY, total = 0;
    for (double& weight : weights) {
      double sum = 0;
      for (int64_t d = 0; d < shape_.depth; ++d) sum += double{q[d]} * double{k[d]};
      weight = sum * double{shape_.scale};
      if (mask != nullptr) {
        weight += double{*mask};
        mask += shape_.mask[3];
      }
      if (weight > most) most = weight;
      k += shape_.heads * shape_.depth;
    }
    for (double& weight : weights) total += weight = std::exp(weight - most);
    for (double& weight : weights) weight /= total;
  }

  AttentionShape shape_;
};

std::unique_ptr<Operator> make_attention(NodeView& node) {
  const AttentionShape shape = attention_shape(node);
  return node.ok() ? std::make_unique<Attention>(shape) : nullptr;
}

}  // namespace

AttentionShape attention_shape(NodeView& node) {
  node.expect_inputs(3, 4);
  node.expect_outputs(1);
  AttentionShape shape;
  shape.heads = node.integer("heads", 1);
  shape.scale = node.number("scale", 1);
  for (size_t i = 0; i < (node.has(3) ? 4u : 3u); ++i) node.expect_element(i, ElementType::f32);
  const Type &q = node.input_of_rank(0, 3), &k = node.input_of_rank(1, 3), &v = node.input_of_rank(2, 3);
  if (!node.ok()) return {};
  const auto of_heads = [&](int64_t channels) { return shape.heads >= 1 && channels % shape.heads == 0; };
  if (k.shape[0] != q.shape[0] || v.shape[0] != q.shape[0] || k.shape[2] != q.shape[2] || v.shape[1] != k.shape[1] ||
      !of_heads(q.shape[2]) || !of_heads(v.shape[2])) {
    node.fail("attends with queries " + describe(q) + " to keys " + describe(k) + " and values " + describe(v) +
              " in " + std::to_string(shape.heads) + " heads; a batch of rows, of channels of each head, is expected");
    return {};
  }
  shape.batch = q.shape[0];
  shape.queries = q.shape[1];
  shape.keys = k.shape[1];
  shape.depth = q.shape[2] / shape.heads;
  shape.width = v.shape[2] / shape.heads;
  if (!node.has(3)) return shape;
  const Type& mask = node.input(3);
  const std::vector<int64_t> scores{shape.batch, shape.heads, shape.queries, shape.keys};
  if (broadcast_shape(std::array{mask.shape, scores}) != scores) {
    node.fail("adds a mask " + describe(mask) + ", which doesn't stretch to " + graph::shape_text(scores));
    return {};
  }
  int64_t stride = 1;
  for (size_t i = 0; i < mask.shape.size(); ++i) {
    const int64_t size = mask.shape[mask.shape.size() - 1 - i];
    shape.mask[3 - i] = size == 1 ? 0 : stride;
    stride *= size;
  }
  return shape;
}

void add_attention(Makers& makers) { makers["Attention"] = make_attention; }

}  // namespace sparsmith::ops

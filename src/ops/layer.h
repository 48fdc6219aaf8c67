/// \file
/// Layers: products and convolutions with constant weights together with what is done to their result, as the passes
/// over a model leave them for the compiler. They are operators of a domain of their own:
///
///     sparsmith.Conv    X [N, C, sizes...], W [M, C / group, kernel...], B [M]?, R like Y?, S [M]?
///                       strides, dilations, pads, group as of ONNX's Conv
///     sparsmith.MatMul  X [..., K], W [M, K], B [M]?, R like Y?, S [M]?; Y is [..., M]
///
/// both with the attributes of a LayerEpilogue;
///
///     sparsmith.Attention  Q [B, queries, heads * depth], K [B, keys, heads * depth], V [B, keys, heads * width],
///                          mask? that stretches to [B, heads, queries, keys]; attributes heads and scale;
///                          Y [B, queries, heads * width] is softmax(scale * q * k^T + mask) * v of each head
///
/// and sparsmith.Silu, HardSwish, Gelu and LayerNormalization, which exist
/// at any opset and are as ONNX has them where it does.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "graph/graph.h"

namespace sparsmith::ops {

class NodeView;

inline constexpr const char* kLayerDomain = "sparsmith";

/// Inputs of a layer by number.
enum LayerInput : size_t { kLayerX, kLayerWeights, kLayerBias, kLayerResidual, kLayerSlope };

enum class Activation {
  none,
  relu,
  leaky_relu,    ///< x < 0 ? alpha * x : x
  prelu,         ///< the same with a slope for each output channel, input S
  clip,          ///< between lo and hi
  hard_swish,    ///< x * min(max(x + 3, 0), 6) / 6
  hard_sigmoid,  ///< min(max(alpha * x + beta, 0), 1)
  sigmoid,
  silu,  ///< x * sigmoid(x)
  tanh,
  gelu_erf,
  gelu_tanh,
};
const char* to_string(Activation activation);  ///< "none", "relu", ... as the attribute has it
std::optional<Activation> activation_named(std::string_view name);

/// What follows bias and product: an activation, and a residual added before or after it.
struct LayerEpilogue {
  Activation activation = Activation::none;  ///< attribute activation
  float alpha = 0, beta = 0;                 ///< of leaky_relu and hard_sigmoid
  float lo = 0, hi = 0;                      ///< of clip
  bool residual_first = false;               ///< residual: "before_activation", else "after_activation"

  bool operator==(const LayerEpilogue&) const = default;
};

/// Sets the attributes that mean it; `residual` only where the node has one.
void write_epilogue(const LayerEpilogue& epilogue, graph::Node& node);
/// Reads them; what is wrong with them, or with the presence of residual and slope, is left in the view.
LayerEpilogue read_epilogue(NodeView& node);

/// What an Attention node computes.
struct AttentionShape {
  int64_t batch = 0, heads = 1, queries = 0, keys = 0, depth = 0, width = 0;
  float scale = 1;
  std::array<int64_t, 4> mask{};  ///< floats from one batch, head, query, key to the next; 0 where it is stretched

  int64_t mask_at(int64_t b, int64_t head, int64_t query, int64_t key) const {
    return b * mask[0] + head * mask[1] + query * mask[2] + key * mask[3];
  }
};
/// Reads it; what is wrong is left in the view.
AttentionShape attention_shape(NodeView& node);

/// y = activation(y). Not for prelu, whose slopes differ.
void activate(const LayerEpilogue& epilogue, float* y, int64_t count);

}  // namespace sparsmith::ops

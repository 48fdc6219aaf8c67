#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/layer.h"
#include "passes/match.h"
#include "passes/steps.h"

namespace sparsmith::passes {

using graph::kNoValue;
using graph::Node;
using graph::ValueId;
using ops::Activation;

namespace {

/// The layer that makes a value which only the node at `reader` reads.
std::optional<size_t> layer_before(const Editor& editor, ValueId id, size_t reader) {
  if (id == kNoValue || editor.only_reader(id) != reader) return std::nullopt;
  const auto place = editor.maker(id);
  if (!place) return std::nullopt;
  const Node& node = editor.node(*place);
  const bool layer = node.domain == ops::kLayerDomain && (node.op == "Conv" || node.op == "MatMul");
  return layer && editor.constant(node.inputs[1]) != nullptr ? place : std::nullopt;
}

bool has_residual(const Node& layer) { return input(layer, ops::kLayerResidual) != kNoValue; }

/// What the layer does behind its product so far.
ops::LayerEpilogue epilogue_of(const Node& layer) {
  ops::LayerEpilogue epilogue;
  epilogue.activation = *ops::activation_named(text(layer, "activation", "none"));
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  epilogue.alpha = number(layer, "alpha", epilogue.activation == Activation::hard_sigmoid ? 0.2f : 0.01f);
  epilogue.beta = number(layer, "beta", 0.5f);
  epilogue.lo = number(layer, "lo", -kInfinity);
  epilogue.hi = number(layer, "hi", kInfinity);
  epilogue.residual_first = text(layer, "residual", "") == "before_activation";
  return epilogue;
}

std::optional<ops::LayerEpilogue> clip(const Editor& editor, const Node& node) {
  const auto bounds = clip_bounds(editor, node);
  if (!bounds) return std::nullopt;
  if (bounds->lo == 0 && bounds->hi >= std::numeric_limits<float>::max()) return ops::LayerEpilogue{Activation::relu};
  return ops::LayerEpilogue{Activation::clip, 0, 0, bounds->lo, bounds->hi};
}

/// The activation that a node is, but for slopes.
std::optional<ops::LayerEpilogue> activation_of(const Editor& editor, const Node& node) {
  if (!node.domain.empty() && node.domain != ops::kLayerDomain) return std::nullopt;
  if (node.op == "HardSwish") return ops::LayerEpilogue{Activation::hard_swish};
  if (node.op == "Gelu") {
    return ops::LayerEpilogue{text(node, "approximate", "none") == "tanh" ? Activation::gelu_tanh
                                                                          : Activation::gelu_erf};
  }
  if (node.op == "Silu" && !node.domain.empty()) return ops::LayerEpilogue{Activation::silu};
  if (!node.domain.empty()) return std::nullopt;
  if (node.op == "Relu") return ops::LayerEpilogue{Activation::relu};
  if (node.op == "Sigmoid") return ops::LayerEpilogue{Activation::sigmoid};
  if (node.op == "Tanh") return ops::LayerEpilogue{Activation::tanh};
  if (node.op == "LeakyRelu") return ops::LayerEpilogue{Activation::leaky_relu, number(node, "alpha", 0.01f)};
  if (node.op == "HardSigmoid") {
    return ops::LayerEpilogue{Activation::hard_sigmoid, number(node, "alpha", 0.2f), number(node, "beta", 0.5f)};
  }
  if (node.op == "PRelu") return ops::LayerEpilogue{Activation::prelu};
  if (node.op == "Clip") return clip(editor, node);
  return std::nullopt;
}

/// A PRelu's slopes, one for each of the layer's channels.
std::optional<ValueId> slopes_of(Editor& editor, const Node& prelu, const Node& layer) {
  const int64_t channels = editor.constant(layer.inputs[1])->shape[0];
  const bool conv = layer.op == "Conv";
  const ops::Type* const y = editor.facts().example(prelu.outputs[0]);
  if (y == nullptr || y->shape.empty()) return std::nullopt;
  const size_t rank = y->shape.size();
  const auto slopes = per_channel(editor, prelu.inputs[1], channels, rank, conv ? rank - 2 : 0);
  if (!slopes) return std::nullopt;
  graph::Tensor tensor = graph::Tensor::zeros(graph::ElementType::f32, {channels});
  std::copy(slopes->begin(), slopes->end(), tensor.as<float>().begin());
  return editor.add_constant(std::move(tensor), prelu.inputs[1]);
}

/// Puts the layer at `from` to `place`, making what the node there did.
void move_layer(Editor& editor, size_t from, size_t place, Node layer, const ops::LayerEpilogue& epilogue) {
  layer.outputs = editor.node(place).outputs;
  ops::write_epilogue(epilogue, layer);
  editor.erase(from);
  editor.put(place, std::move(layer));
}

void fuse_activation(Editor& editor, size_t place) {
  const Node node = editor.node(place);
  const auto activation = activation_of(editor, node);
  const auto from = activation ? layer_before(editor, input(node, 0), place) : std::nullopt;
  if (!from) return;
  Node layer = editor.node(*from);
  ops::LayerEpilogue epilogue = epilogue_of(layer);
  // Behind an activation, or a residual that was added to one, there can't be another.
  if (epilogue.activation != Activation::none) return;
  epilogue = *activation;
  epilogue.residual_first = has_residual(layer);
  if (activation->activation == Activation::prelu) {
    const auto slopes = slopes_of(editor, node, layer);
    if (!slopes) return;
    layer.inputs.resize(ops::kLayerSlope + 1, kNoValue);
    layer.inputs[ops::kLayerSlope] = *slopes;
  }
  move_layer(editor, *from, place, std::move(layer), epilogue);
}

void fuse_residual(Editor& editor, size_t place) {
  const Node node = editor.node(place);
  const ValueId a = input(node, 0), b = input(node, 1);
  const auto takes = [&](ValueId x, ValueId other) -> std::optional<size_t> {
    const auto from = layer_before(editor, x, place);
    if (!from || has_residual(editor.node(*from)) || editor.constant(other) != nullptr) return std::nullopt;
    return editor.facts().same_shape(other, node.outputs[0]) ? from : std::nullopt;
  };
  // The product's own shape can't be asked where a Gemm was split; that the sum's is the same follows from matrices.
  const auto fits = [&](ValueId x) {
    return editor.facts().example(x) == nullptr || editor.facts().same_shape(x, node.outputs[0]);
  };
  const auto from_a = fits(a) ? takes(a, b) : std::nullopt, from_b = fits(b) ? takes(b, a) : std::nullopt;
  const auto from = std::max(from_a, from_b);
  if (!from) return;
  Node layer = editor.node(*from);
  ops::LayerEpilogue epilogue = epilogue_of(layer);
  epilogue.residual_first = epilogue.activation == Activation::none;
  layer.inputs.resize(std::max<size_t>(layer.inputs.size(), ops::kLayerResidual + 1), kNoValue);
  layer.inputs[ops::kLayerResidual] = from == from_a ? b : a;
  move_layer(editor, *from, place, std::move(layer), epilogue);
}

}  // namespace

void fuse_epilogues(Editor& editor) {
  for (size_t place = 0; place < editor.places(); ++place) {
    if (!editor.used(place)) continue;
    if (is(editor.node(place), "Add")) {
      fuse_residual(editor, place);
    } else {
      fuse_activation(editor, place);
    }
  }
}

}  // namespace sparsmith::passes

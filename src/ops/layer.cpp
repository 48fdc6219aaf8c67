#include "ops/layer.h"

#include <array>
#include <limits>

#include "ops/activations.h"
#include "ops/elementary.h"
#include "ops/node_view.h"

namespace sparsmith::ops {
namespace {

constexpr std::array kNames{"none",         "relu",    "leaky_relu", "prelu", "clip",     "hard_swish",
                            "hard_sigmoid", "sigmoid", "silu",       "tanh",  "gelu_erf", "gelu_tanh"};

constexpr const char *kBefore = "before_activation", *kAfter = "after_activation";

template <class F>
void map(float* y, int64_t count, const F& f) {
  for (int64_t i = 0; i < count; ++i) y[i] = f(y[i]);
}

}  // namespace

const char* to_string(Activation activation) { return kNames[static_cast<size_t>(activation)]; }

std::optional<Activation> activation_named(std::string_view name) {
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (name == kNames[i]) return static_cast<Activation>(i);
  }
  return std::nullopt;
}

void write_epilogue(const LayerEpilogue& epilogue, graph::Node& node) {
  node.attributes["activation"] = std::string(to_string(epilogue.activation));
  const bool leaky = epilogue.activation == Activation::leaky_relu,
             hard = epilogue.activation == Activation::hard_sigmoid;
  if (leaky || hard) node.attributes["alpha"] = epilogue.alpha;
  if (hard) node.attributes["beta"] = epilogue.beta;
  if (epilogue.activation == Activation::clip) {
    node.attributes["lo"] = epilogue.lo;
    node.attributes["hi"] = epilogue.hi;
  }
  if (node.inputs.size() > kLayerResidual && node.inputs[kLayerResidual] != graph::kNoValue) {
    node.attributes["residual"] = std::string(epilogue.residual_first ? kBefore : kAfter);
  }
}

LayerEpilogue read_epilogue(NodeView& node) {
  LayerEpilogue epilogue;
  const std::string name = node.text("activation", "none");
  const auto activation = activation_named(name);
  if (!activation) {
    std::string known;
    for (const char* const one : kNames) known += (known.empty() ? "" : ", ") + std::string(one);
    node.fail("has activation = \"" + name + "\"; " + known + " are known");
    return epilogue;
  }
  epilogue.activation = *activation;
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  if (*activation == Activation::leaky_relu) epilogue.alpha = node.number("alpha", 0.01f);
  if (*activation == Activation::hard_sigmoid) {
    epilogue.alpha = node.number("alpha", 0.2f);
    epilogue.beta = node.number("beta", 0.5f);
  }
  if (*activation == Activation::clip) {
    epilogue.lo = node.number("lo", -kInfinity);
    epilogue.hi = node.number("hi", kInfinity);
    if (!(epilogue.lo <= epilogue.hi)) {
      node.fail("clips to " + std::to_string(epilogue.lo) + " to " + std::to_string(epilogue.hi) +
                "; lo at most hi is expected");
    }
  }
  if ((*activation == Activation::prelu) != node.has(kLayerSlope)) {
    node.fail(node.has(kLayerSlope) ? "has slopes but activation " + name : "lacks the slopes of its prelu, input 4");
  }
  const std::string residual = node.text("residual", kAfter);
  epilogue.residual_first = residual == kBefore;
  if (residual != kBefore && residual != kAfter) {
    node.fail("has residual = \"" + residual + "\"; " + kBefore + " and " + kAfter + " are known");
  }
  if (node.has_attribute("residual") != node.has(kLayerResidual)) {
    node.fail(node.has(kLayerResidual) ? "has a residual but no attribute residual"
                                       : "has an attribute residual but none as input 3");
  }
  return epilogue;
}

void activate(const LayerEpilogue& epilogue, float* y, int64_t count) {
  const float alpha = epilogue.alpha, beta = epilogue.beta, lo = epilogue.lo, hi = epilogue.hi;
  switch (epilogue.activation) {
    case Activation::none:
    case Activation::prelu:
      break;
    case Activation::relu:
      return map(y, count, [](float x) { return relu(x); });
    case Activation::leaky_relu:
      return map(y, count, [=](float x) { return leaky_relu(x, alpha); });
    case Activation::clip:
      return map(y, count, [=](float x) { return clip(x, lo, hi); });
    case Activation::hard_swish:
      return map(y, count, [](float x) { return hard_swish(x); });
    case Activation::hard_sigmoid:
      return map(y, count, [=](float x) { return hard_sigmoid(x, alpha, beta); });
    case Activation::sigmoid:
      return map(y, count, [](float x) { return sigmoid(x); });
    case Activation::silu:
      return map(y, count, [](float x) { return silu(x); });
    case Activation::tanh:
      return map(y, count, [](float x) { return tanh(x); });
    case Activation::gelu_erf:
      return map(y, count, [](float x) { return gelu_erf(x); });
    case Activation::gelu_tanh:
      return map(y, count, [](float x) { return gelu_tanh(x); });
  }
}

}  // namespace sparsmith::ops

/// \file
/// Every activation that layers take in, as models write it.
#pragma once

#include "builder.h"

namespace sparsmith::test {

/// A 1x1 convolution to three channels, with a bias.
inline ValueId conv(Builder& b, ValueId x, int64_t inputs = 3) {
  return b.node("Conv", {x, b.random({3, inputs, 1, 1}), b.random({3})});
}

struct Activation {
  const char* name;
  ValueId (*make)(Builder& b, ValueId x, bool image);
  int64_t since = 9;
};
inline const Activation kActivations[] = {
    {"relu", [](Builder& b, ValueId x, bool) { return b.node("Relu", {x}); }},
    {"leaky_relu",
     [](Builder& b, ValueId x, bool) {
       return b.node("LeakyRelu", {x}, {{"alpha", 0.2f}});
     }},
    {"prelu",
     [](Builder& b, ValueId x, bool image) {
       return b.node("PRelu", {x, b.random(image ? std::vector<int64_t>{3, 1, 1} : std::vector<int64_t>{3})});
     }},
    {"prelu",
     [](Builder& b, ValueId x, bool) {
       return b.node("PRelu", {x, b.number(0.3f)});
     }},
    {"clip", [](Builder& b, ValueId x, bool) { return b.clip(x, 0, 6); }},
    {"clip", [](Builder& b, ValueId x, bool) { return b.clip(x, -1, 0.5f); }},
    {"relu", [](Builder& b, ValueId x, bool) { return b.clip(x, 0, INFINITY); }},
    {"hard_swish", [](Builder& b, ValueId x, bool) { return b.node("HardSwish", {x}); }, 14},
    {"hard_swish",
     [](Builder& b, ValueId x, bool) {
       return b.node("Mul", {b.node("HardSigmoid", {x}, {{"alpha", 1.0f / 6}}), x});
     }},
    {"hard_sigmoid", [](Builder& b, ValueId x, bool) { return b.node("HardSigmoid", {x}); }},
    {"hard_sigmoid",
     [](Builder& b, ValueId x, bool) {
       return b.node("Div", {b.clip(b.node("Add", {x, b.number(3)}), 0, 6), b.number(6)});
     }},
    {"sigmoid", [](Builder& b, ValueId x, bool) { return b.node("Sigmoid", {x}); }},
    {"silu",
     [](Builder& b, ValueId x, bool) {
       return b.node("Mul", {x, b.node("Sigmoid", {x})});
     }},
    {"tanh", [](Builder& b, ValueId x, bool) { return b.node("Tanh", {x}); }},
    {"gelu_erf",
     [](Builder& b, ValueId x, bool) {
       const ValueId erf = b.node("Erf", {b.node("Div", {x, b.number(1.4142135f)})});
       return b.node("Mul", {b.node("Mul", {x, b.node("Add", {erf, b.number(1)})}), b.number(0.5f)});
     }},
    {"gelu_tanh",
     [](Builder& b, ValueId x, bool) {
       return b.node("Gelu", {x}, {{"approximate", std::string("tanh")}});
     },
     20},
};

}  // namespace sparsmith::test

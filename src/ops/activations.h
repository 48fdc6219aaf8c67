/// \file
/// Activations of a float, written so that NaN stays NaN. Operators and layers share them.
#pragma once

#include <cmath>

namespace sparsmith::ops {

inline float relu(float x) { return x < 0 ? 0.0f : x; }
inline float leaky_relu(float x, float alpha) { return x < 0 ? alpha * x : x; }
inline float clip(float x, float lo, float hi) { return x > hi ? hi : x < lo ? lo : x; }
inline float hard_sigmoid(float x, float alpha, float beta) {
  const float y = alpha * x + beta;
  return y > 1 ? 1.0f : y < 0 ? 0.0f : y;
}
inline float hard_swish(float x) { return x * std::fmin(6.0f, std::fmax(0.0f, x + 3)) / 6; }
inline float sigmoid(float x) { return 1 / (1 + std::exp(-x)); }
inline float silu(float x) { return x * sigmoid(x); }
inline float gelu_erf(float x) { return 0.5f * x * (1 + std::erf(x * 0.70710678f)); }
inline float gelu_tanh(float x) { return 0.5f * x * (1 + std::tanh(0.79788456f * (x + 0.044715f * x * x * x))); }

}  // namespace sparsmith::ops

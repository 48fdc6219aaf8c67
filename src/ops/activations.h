/// \file
/// Activations of a float, written so that NaN stays NaN; elementary.h has those with an exponential. Operators and
/// layers share them.
#pragma once

namespace sparsmith::ops {

inline float relu(float x) { return x < 0 ? 0.0f : x; }
inline float leaky_relu(float x, float alpha) { return x < 0 ? alpha * x : x; }
inline float clip(float x, float lo, float hi) { return x > hi ? hi : x < lo ? lo : x; }
inline float hard_sigmoid(float x, float alpha, float beta) {
  const float y = alpha * x + beta;
  return y > 1 ? 1.0f : y < 0 ? 0.0f : y;
}
inline float hard_swish(float x) { return x * clip(x + 3, 0, 6) / 6; }

}  // namespace sparsmith::ops

/// \file
/// What is to be computed: Y[M,N] = epilogue(W[M,K] x X[K,N] (+ Y)), or the same as a 1x1 convolution.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace sparsmith {

/// Where activations lie.
enum class Layout : uint8_t {
  plain,  ///< Row-major [rows, N] with a leading dimension; for convolutions NCHW.
  panel,  ///< [ceil(N / 16)][rows][16] floats; see panel.h for pack and unpack.
};

enum class Activation : uint8_t {
  none,
  relu,        ///< max(0, v); NaN stays NaN
  leaky_relu,  ///< v < 0 ? alpha * v : v
  prelu,       ///< v < 0 ? slope[row] * v : v
  clip,        ///< min(hi, max(lo, v)); NaN stays NaN
  hard_swish,  ///< v * min(6, max(0, v + 3)) / 6
};

enum class Residual : uint8_t { none, before_activation, after_activation };

/// Fused after the product, in this order: + Y (accumulate), * scale[row], + bias[row], + residual (before),
/// activation,
/// + residual (after).
struct Epilogue {
  bool accumulate = false;  ///< start from the old Y instead of 0
  bool row_scale = false;
  bool bias = false;
  Residual residual = Residual::none;
  Activation activation = Activation::none;
  float alpha = 0.01f;      ///< leaky_relu
  float lo = 0, hi = 6.0f;  ///< clip; lo <= hi
  bool operator==(const Epilogue&) const = default;
};

/// A 1x1 convolution on NCHW, no padding: X is [batch, K, height, width], Y [batch, M, out_height, out_width] with
/// out = ceil(in / stride).
struct Conv1x1 {
  int64_t height = 0, width = 0;
  int64_t stride_h = 1, stride_w = 1;
  int64_t out_height() const { return (height + stride_h - 1) / stride_h; }
  int64_t out_width() const { return (width + stride_w - 1) / stride_w; }
  bool operator==(const Conv1x1&) const = default;
};

/// One layer's problem. M and K come with the weights.
struct Problem {
  int64_t n = 0;         ///< columns the plan is made for; any N runs. 0: unknown (planned as 256).
  /// The kernel runs n columns only, in plain rows that lie n floats apart; their addresses are then constants of the
  /// code where n (of a convolution: out_height * out_width) is a multiple of 16. run() refuses anything else.
  bool n_fixed = false;
  Layout x_layout = Layout::plain;
  Layout y_layout = Layout::plain;  ///< also the residual's layout
  std::optional<Conv1x1> conv;      ///< set: columns are output positions, n = out_height * out_width (* batch)
  Epilogue epilogue;
};

/// The per-row vectors an epilogue asks for, M floats each; not owned; empty where not asked for.
struct LayerParams {
  std::span<const float> bias, row_scale, prelu_slope;
};

}  // namespace sparsmith

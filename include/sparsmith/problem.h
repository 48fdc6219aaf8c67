/// \file
/// What is to be computed: Y[M,N] = epilogue(W[M,K] x X[K,N] (+ Y)), or a convolution with the same epilogue.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace sparsmith {

/// Where activations lie.
enum class Layout : uint8_t {
  plain,  ///< Row-major [rows, N] with a leading dimension; for convolutions NCHW.
  panel,  ///< [ceil(N / 16)][rows][16] floats, see panel.h; of spatial convolutions [batch][positions][channels][16],
          ///< see strip.h.
  plane,  ///< Of spatial convolutions: [batch][channels][padded plane], see image_layout.h.
  row,    ///< Of spatial convolutions: [batch][padded row][channels][columns], see image_layout.h.
  grid,   ///< Of the X of depthwise convolutions: strips without overlap, cut as their Y, see strip.h.
};

/// NaN stays NaN. Where a formula has -inf * 0 the result is NaN too. Errors of those with an exponential, in ulp of
/// the result or of 2^-20 where that is larger: the most found over one float in 11 from 2^-40 to 256, of both signs
/// and on both instruction sets.
enum class Activation : uint8_t {
  none,
  relu,          ///< max(0, v)
  leaky_relu,    ///< v < 0 ? alpha * v : v
  prelu,         ///< v < 0 ? slope[row] * v : v
  clip,          ///< min(hi, max(lo, v))
  hard_swish,    ///< v * min(6, max(0, v + 3)) / 6
  hard_sigmoid,  ///< min(1, max(0, alpha * v + beta))
  sigmoid,       ///< 1 / (1 + e^-v); 2.4 ulp
  silu,          ///< v * sigmoid(v); 3.2 ulp
  tanh,          ///< 2.6 ulp
  gelu_erf,      ///< v * (1 + erf(v / sqrt(2))) / 2; 5.4 ulp
  gelu_tanh,     ///< v * (1 + tanh(sqrt(2 / pi) * (v + 0.044715 * v^3))) / 2; 3.2 ulp
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
  float alpha = 0.01f;      ///< leaky_relu; hard_sigmoid
  float lo = 0, hi = 6.0f;  ///< clip; lo <= hi
  float beta = 0.5f;        ///< hard_sigmoid
  bool operator==(const Epilogue&) const = default;
};

/// What a column of a convolution's weights [M, K] is, K = channels / groups * kernel_h * kernel_w.
enum class WeightOrder : uint8_t {
  oihw,  ///< (channel, kernel y, kernel x), as OIHW weights flatten
  hwc,   ///< (kernel y, kernel x, channel), as TensorFlow's flatten
};

/// A convolution on NCHW: X is [batch, channels, height, width], Y [batch, M, out_height, out_width]. Positions outside
/// of X count as 0. Row m of the weights sees the channels of group m / (M / groups).
struct Conv2d {
  int64_t height = 0, width = 0;
  int64_t stride_h = 1, stride_w = 1;
  int64_t kernel_h = 1, kernel_w = 1;
  int64_t dilation_h = 1, dilation_w = 1;
  int64_t pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;
  int64_t groups = 1;
  WeightOrder order = WeightOrder::oihw;

  int64_t taps() const { return kernel_h * kernel_w; }
  /// Channels of X for weights of `k` columns.
  int64_t channels(int64_t k) const { return k / taps() * groups; }
  int64_t out_height() const {
    return (height + pad_top + pad_bottom - dilation_h * (kernel_h - 1) - 1) / stride_h + 1;
  }
  int64_t out_width() const { return (width + pad_left + pad_right - dilation_w * (kernel_w - 1) - 1) / stride_w + 1; }
  /// A matrix product over positions; everything else is spatial (image_layout.h).
  bool pointwise() const {
    return taps() == 1 && groups == 1 && pad_top == 0 && pad_left == 0 && pad_bottom == 0 && pad_right == 0;
  }
  bool operator==(const Conv2d&) const = default;
};

/// One layer's problem. M and K come with the weights.
struct Problem {
  int64_t n = 0;  ///< columns the plan is made for; any N runs. 0: unknown (planned as 256).
  /// The kernel runs n columns only, in plain rows that lie n floats apart; their addresses are then constants of the
  /// code where n (of a convolution: out_height * out_width) is a multiple of 16. run() refuses anything else.
  bool n_fixed = false;
  Layout x_layout = Layout::plain;
  Layout y_layout = Layout::plain;  ///< also the residual's layout
  /// Y in Layout::panel, and with it the residual, is part of a value of so many rows, such as a concatenation: its
  /// panels (of strips: positions) lie as far apart as that one's, and its pointer is to its own first row. 0: M.
  int64_t y_channels = 0;
  std::optional<Conv2d> conv;  ///< set: columns are output positions, n = out_height * out_width (* batch)
  Epilogue epilogue;

  bool spatial() const { return conv && !conv->pointwise(); }
  /// Rows from panel to panel of Y.
  int64_t y_pitch(int64_t m) const { return y_channels > 0 ? y_channels : m; }
};

/// The per-row vectors an epilogue asks for, M floats each; not owned; empty where not asked for.
struct LayerParams {
  std::span<const float> bias, row_scale, prelu_slope;
};

}  // namespace sparsmith

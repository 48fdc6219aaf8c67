#include "kernels/reference.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <numbers>

#include "kernels/tolerance.h"
#include "sparsmith/image_layout.h"
#include "sparsmith/panel.h"
#include "sparsmith/strip.h"

namespace sparsmith {
namespace {

// A value and the sum of the magnitudes that went into it.
struct Term {
  double value = 0, magnitude = 0;

  void add(double x) {
    value += x;
    magnitude += std::fabs(x);
  }
  void scale(double factor) {
    value *= factor;
    magnitude *= std::fabs(factor);
  }
  // After a smooth function: x, where a small step of the value makes `slope` times it, that has errors of its own.
  void map(double x, double slope) {
    const double own = kActivationRoundings * std::max(std::fabs(x), kLeastRelative);
    magnitude = std::isfinite(value) ? slope * magnitude + own : std::fabs(x);
    value = x;
  }
  // After a saturating step the infinity that was cut off no longer counts.
  void saturate(double x) {
    value = x;
    if (!std::isfinite(magnitude)) magnitude = std::fabs(x);
  }
};

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

void activate(const Epilogue& epilogue, double slope, Term& t) {
  const double v = t.value;
  switch (epilogue.activation) {
    case Activation::none:
      break;
    case Activation::relu:
      if (v < 0) t.saturate(0);
      break;
    case Activation::leaky_relu:
    case Activation::prelu: {
      const double factor = epilogue.activation == Activation::prelu ? slope : static_cast<double>(epilogue.alpha);
      if (v < 0) t.value = factor * v;
      // A rounding may have moved v across 0, so the larger of both slopes carries its error.
      t.magnitude *= std::max(1.0, std::fabs(factor));
      break;
    }
    case Activation::clip:
      if (v < epilogue.lo) t.saturate(epilogue.lo);
      if (t.value > epilogue.hi) t.saturate(epilogue.hi);
      break;
    case Activation::hard_swish: {
      // As written in problem.h, so that -inf * 0 is NaN. std::max(v + 3, 0.0) keeps a NaN.
      t.value = v * std::min(std::max(v + 3, 0.0), 6.0) / 6;
      // The slope is at most 1.5; v + 3 rounds relative to both.
      t.magnitude = 1.5 * t.magnitude + std::min(std::fabs(v), 3.0);
      break;
    }
    case Activation::hard_sigmoid:
      t.scale(epilogue.alpha);
      t.add(epilogue.beta);
      if (t.value < 0) t.saturate(0);
      if (t.value > 1) t.saturate(1);
      break;
    case Activation::sigmoid:
      return t.map(sigmoid(v), 0.25);
    case Activation::silu:
      return t.map(v * sigmoid(v), 1.1);
    case Activation::tanh:
      return t.map(std::tanh(v), 1);
    case Activation::gelu_erf:
      return t.map(v * std::erfc(-v / std::numbers::sqrt2) / 2, 1.13);
    case Activation::gelu_tanh:
      // 1 + tanh(x) = 2 sigmoid(2x), which doesn't cancel.
      return t.map(v * sigmoid(2 * std::sqrt(2 / std::numbers::pi) * (v + 0.044715 * v * v * v)), 1.13);
  }
}

// Where output position (image, y, x) of a spatial convolution lies in strips: its tile's lane, and its place there.
struct StripPlace {
  int64_t image, lane, y, x;
};

StripPlace strip_place(const Conv2d& conv, const StripShape& shape, int64_t column) {
  const int64_t positions = conv.out_height() * conv.out_width(), position = column % positions;
  const int64_t y = position / conv.out_width(), x = position % conv.out_width();
  return {column / positions, y / shape.tile_h * shape.grid_w + x / shape.tile_w, y % shape.tile_h, x % shape.tile_w};
}

// Where pixel (channel, y, x) lies in planes or rows, from their definition; the shape gives the sizes.
int64_t image_place(Layout layout, const ImageShape& shape, int64_t channel, int64_t y, int64_t x) {
  const int64_t row = y + shape.pad_top, column = x + shape.pad_left;
  const int64_t phase_h = row % shape.stride_h, phase_w = column % shape.stride_w;
  if (layout == Layout::row) {
    const int64_t line = (row * shape.channels + channel) * shape.stride_w + phase_w;
    return line * shape.pitch + column / shape.stride_w;
  }
  const int64_t plane_floats = shape.floats / (shape.channels * shape.stride_h * shape.stride_w);
  const int64_t plane = (channel * shape.stride_h + phase_h) * shape.stride_w + phase_w;
  return plane * plane_floats + row / shape.stride_h * shape.pitch + column / shape.stride_w;
}

// The X that column `column` of Y multiplies column `row` of W's group with; 0 outside of the image.
float spatial_input(const Problem& problem, const RunArgs& args, int64_t k, int64_t group, int64_t row,
                    int64_t column) {
  const Conv2d& conv = *problem.conv;
  const bool oihw = conv.order == WeightOrder::oihw;
  const int64_t group_channels = k / conv.taps(), channels = conv.channels(k);
  const int64_t tap = oihw ? row % conv.taps() : row / group_channels;
  const int64_t channel = group * group_channels + (oihw ? row / conv.taps() : row % group_channels);
  const int64_t positions = conv.out_height() * conv.out_width(), position = column % positions;
  const int64_t tap_y = tap / conv.kernel_w * conv.dilation_h, tap_x = tap % conv.kernel_w * conv.dilation_w;
  const int64_t y = position / conv.out_width() * conv.stride_h + tap_y - conv.pad_top;
  const int64_t x = position % conv.out_width() * conv.stride_w + tap_x - conv.pad_left;
  if (y < 0 || y >= conv.height || x < 0 || x >= conv.width) return 0;
  if (problem.x_layout == Layout::plain) {
    return args.x[((column / positions * channels + channel) * conv.height + y) * conv.width + x];
  }
  if (problem.x_layout == Layout::grid) {
    const StripGrid grid = output_grid(conv);
    const int64_t lane = y / grid.tile_h * grid.grid_w + x / grid.tile_w;
    const int64_t place = y % grid.tile_h * grid.tile_w + x % grid.tile_w;
    return args.x[((column / positions * grid.positions() + place) * channels + channel) * kPanelWidth + lane];
  }
  if (problem.x_layout != Layout::panel) {
    const ImageShape shape = image_shape_x(problem.x_layout, conv, channels);
    return args.x[column / positions * shape.floats + image_place(problem.x_layout, shape, channel, y, x)];
  }
  const StripShape shape = strip_shape(conv);
  const StripPlace out = strip_place(conv, shape, column);
  const int64_t place = (out.y * conv.stride_h + tap_y) * shape.x_w + out.x * conv.stride_w + tap_x;
  return args.x[((out.image * shape.x_positions() + place) * channels + channel) * kPanelWidth + out.lane];
}

// X as a row-major [k, n] matrix, as the rows of W of one group see it.
std::vector<float> gather_x(const Problem& problem, const RunArgs& args, int64_t k, int64_t n, int64_t group) {
  std::vector<float> x(static_cast<size_t>(k * n));
  for (int64_t r = 0; r < k; ++r) {
    for (int64_t c = 0; c < n; ++c) {
      x[r * n + c] = problem.spatial() ? spatial_input(problem, args, k, group, r, c)
                                       : args.x[element_offset(problem, true, k, n, args.ldx, r, c)];
    }
  }
  return x;
}

}  // namespace

int64_t call_columns(const Problem& problem, const RunArgs& args) {
  if (problem.conv && (problem.spatial() || problem.x_layout == Layout::plain || problem.y_layout == Layout::plain)) {
    return args.batch * problem.conv->out_height() * problem.conv->out_width();
  }
  return args.n;
}

int64_t element_offset(const Problem& problem, bool input, int64_t rows, int64_t n, int64_t ld, int64_t row,
                       int64_t column) {
  const Layout layout = input ? problem.x_layout : problem.y_layout;
  if (layout == Layout::plane || layout == Layout::row) {
    const Conv2d& conv = *problem.conv;
    const ImageShape shape = image_shape_y(layout, conv, rows);
    const int64_t positions = conv.out_height() * conv.out_width(), position = column % positions;
    return column / positions * shape.floats +
           image_place(layout, shape, row, position / conv.out_width(), position % conv.out_width());
  }
  if (layout == Layout::panel) {
    if (problem.spatial()) {
      const StripShape shape = strip_shape(*problem.conv);
      const StripPlace out = strip_place(*problem.conv, shape, column);
      const int64_t place = out.image * shape.y_positions() + out.y * shape.tile_w + out.x;
      return (place * rows + row) * kPanelWidth + out.lane;
    }
    return (column / kPanelWidth * rows + row) * kPanelWidth + column % kPanelWidth;
  }
  if (!problem.conv) return row * (ld == 0 ? n : ld) + column;
  const Conv2d& conv = *problem.conv;
  const int64_t positions = conv.out_height() * conv.out_width();
  const int64_t image = column / positions, position = column % positions;
  if (!input) return (image * rows + row) * positions + position;
  const int64_t y = position / conv.out_width() * conv.stride_h, x = position % conv.out_width() * conv.stride_w;
  return ((image * rows + row) * conv.height + y) * conv.width + x;
}

Reference compute_reference(const Weights& weights, const Problem& problem, const LayerParams& params,
                            const RunArgs& args, bool multiply_zeros) {
  const int64_t m = weights.rows(), k = weights.cols(), n = call_columns(problem, args);
  const Epilogue& epilogue = problem.epilogue;
  const auto offsets = weights.pattern().row_offsets();
  const auto columns = weights.pattern().columns();
  const auto values = weights.values();
  const int64_t group_rows = m / (problem.conv ? problem.conv->groups : 1);
  std::vector<float> x;

  Reference out;
  out.m = m;
  out.n = n;
  out.y.resize(static_cast<size_t>(m * n));
  out.magnitude.resize(static_cast<size_t>(m * n));
  out.row_nnz.resize(static_cast<size_t>(m));
  std::vector<double> sum(static_cast<size_t>(n)), magnitude(static_cast<size_t>(n));
  for (int64_t r = 0; r < m; ++r) {
    if (r % group_rows == 0) x = gather_x(problem, args, k, n, r / group_rows);
    out.row_nnz[r] = offsets[r + 1] - offsets[r];
    std::fill(sum.begin(), sum.end(), 0.0);
    std::fill(magnitude.begin(), magnitude.end(), 0.0);
    const auto multiply = [&](double w, int64_t column) {
      const float* xs = x.data() + column * n;
      for (int64_t c = 0; c < n; ++c) {
        const double product = w * static_cast<double>(xs[c]);
        sum[c] += product;
        magnitude[c] += std::fabs(product);
      }
    };
    int64_t column = 0;
    for (int64_t i = offsets[r]; i < offsets[r + 1]; ++i) {
      for (; multiply_zeros && column < columns[i]; ++column) multiply(0.0, column);
      multiply(values[i], columns[i]);
      column = columns[i] + 1;
    }
    for (; multiply_zeros && column < k; ++column) multiply(0.0, column);

    for (int64_t c = 0; c < n; ++c) {
      Term t{sum[c], magnitude[c]};
      const auto y_offset = [&](int64_t ld) { return element_offset(problem, false, m, n, ld, r, c); };
      const auto residual = [&] { return static_cast<double>(args.residual[y_offset(args.ld_residual)]); };
      if (epilogue.accumulate) t.add(args.y[y_offset(args.ldy)]);
      if (epilogue.row_scale) t.scale(params.row_scale[r]);
      if (epilogue.bias) t.add(params.bias[r]);
      if (epilogue.residual == Residual::before_activation) t.add(residual());
      activate(epilogue, epilogue.activation == Activation::prelu ? params.prelu_slope[r] : 0.0, t);
      if (epilogue.residual == Residual::after_activation) t.add(residual());
      out.y[r * n + c] = t.value;
      out.magnitude[r * n + c] = t.magnitude;
    }
  }
  return out;
}

Deviation compare(const Reference& reference, const Problem& problem, const RunArgs& args) {
  Deviation deviation;
  double largest = std::numeric_limits<double>::min(), largest_error = 0;
  for (int64_t r = 0; r < reference.m; ++r) {
    for (int64_t c = 0; c < reference.n; ++c) {
      const int64_t at = r * reference.n + c;
      const double expected = reference.y[at];
      const double actual = args.y[element_offset(problem, false, reference.m, reference.n, args.ldy, r, c)];
      double off = 0, relative = 0;
      if (std::isfinite(expected) && std::isfinite(actual)) {
        const double error = std::fabs(actual - expected);
        largest = std::max(largest, reference.magnitude[at]);
        largest_error = std::max(largest_error, error);
        off = error / tolerance<float>(reference.row_nnz[r], reference.magnitude[at]);
        relative = error > 0 ? error / std::max(reference.magnitude[at], std::numeric_limits<double>::min()) : 0;
      } else if (!(std::isnan(expected) && std::isnan(actual)) && expected != actual) {
        off = relative = largest_error = std::numeric_limits<double>::infinity();
      }
      deviation.max_relative = std::max(deviation.max_relative, relative);
      if (off > deviation.worst || at == 0) {
        deviation.worst = off;
        deviation.row = r;
        deviation.column = c;
        deviation.expected = expected;
        deviation.actual = actual;
      }
    }
  }
  deviation.max_of_largest = largest_error / largest;
  return deviation;
}

std::string Deviation::describe() const {
  char text[200];
  std::snprintf(text, sizeof text, "Y[%lld, %lld] is %.9g, expected %.9g: %.3g times its tolerance",
                static_cast<long long>(row), static_cast<long long>(column), actual, expected, worst);
  return text;
}

}  // namespace sparsmith

// Convolutions and their transposes, added up in double: the reference of generated kernels, and what runs where there
// is none.
#include <algorithm>
#include <array>

#include "ops/registry.h"
#include "ops/window.h"

namespace sparsmith::ops {
namespace {

using graph::ElementType;

/// Channels in groups: each group's outputs come from its inputs only.
struct Channels {
  int64_t groups = 1, inputs = 0, outputs = 0;  ///< of a group
};

constexpr int64_t kRows = 4;      // output channels that share each input read
constexpr int64_t kColumns = 64;  // output columns added up at a time

using Block = double[kRows][kColumns];

void start_block(Block& block, int64_t rows, int64_t columns, const float* bias) {
  for (int64_t r = 0; r < rows; ++r) std::fill_n(block[r], columns, bias == nullptr ? 0.0 : double{bias[r]});
}
void store_block(const Block& block, int64_t rows, int64_t columns, float* y, int64_t channel_stride) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t i = 0; i < columns; ++i) y[r * channel_stride + i] = static_cast<float>(block[r][i]);
  }
}

/// Sizes of an image: depth, height, width.
using Sizes = std::array<int64_t, 3>;
int64_t pixels_of(const Sizes& sizes) { return sizes[0] * sizes[1] * sizes[2]; }

/// Adds up images of `to` from images of `from`, some channels and columns of a row at a time:
/// add(image, group, channel within the group, channels, depth, height, columns, block) adds to a block what a group's
/// inputs make.
template <class Add>
void for_each_block(const Channels& channels, int64_t batch, const Sizes& from, const Sizes& to, const float* x,
                    const float* bias, float* y, const Add& add) {
  const int64_t pixels = pixels_of(to);
  for (int64_t n = 0; n < batch; ++n) {
    for (int64_t group = 0; group < channels.groups; ++group, x += channels.inputs * pixels_of(from)) {
      for (int64_t m = 0; m < channels.outputs; m += kRows) {
        const int64_t rows = std::min(kRows, channels.outputs - m), channel = group * channels.outputs + m;
        for (int64_t row = 0; row < to[0] * to[1]; ++row) {
          for (int64_t first = 0; first < to[2]; first += kColumns) {
            const Range columns{first, std::min(to[2], first + kColumns)};
            Block block;
            start_block(block, rows, columns.size(), bias == nullptr ? nullptr : bias + channel);
            add(x, group, m, rows, row / to[1], row % to[1], columns, block);
            store_block(block, rows, columns.size(), y + channel * pixels + row * to[2] + first, pixels);
          }
        }
      }
    }
    y += channels.groups * channels.outputs * pixels;
  }
}

class Convolution final : public Operator {
 public:
  Convolution(Type output, int64_t batch, const Channels& channels, const Windows& windows)
      : batch_(batch), channels_(channels), windows_(windows) {
    outputs_ = {std::move(output)};
    // Products of channels by position: all positions are one row.
    auto& [depth, height, width] = windows_;
    if (depth.is_identity() && height.is_identity() && width.is_identity()) {
      width.input = width.output = depth.input * height.input * width.input;
      depth = height = WindowAxis{};
    }
  }

  void run(std::span<const void* const> inputs, std::span<void* const> outputs) const override {
    if (outputs_[0].size() == 0) return;
    const auto& [depth, height, width] = windows_;
    const auto* const weights = static_cast<const float*>(inputs[1]);
    const auto* const bias = inputs.size() > 2 ? static_cast<const float*>(inputs[2]) : nullptr;
    for_each_block(channels_, batch_, {depth.input, height.input, width.input},
                   {depth.output, height.output, width.output}, static_cast<const float*>(inputs[0]), bias,
                   static_cast<float*>(outputs[0]),
                   [&](const float* image, int64_t group, int64_t m, int64_t rows, int64_t d, int64_t h, Range columns,
                       Block& block) {
                     const float* const w = weights + (group * channels_.outputs + m) * channels_.inputs * taps();
                     add_block(image, w, rows, d, h, columns, block);
                   });
  }

 private:
  int64_t taps() const { return windows_[0].kernel * windows_[1].kernel * windows_[2].kernel; }

  void add_block(const float* image, const float* w, int64_t rows, int64_t d, int64_t h, Range columns,
                 Block& block) const {
    const auto& [depth, height, width] = windows_;
    const Range planes = depth.taps_inside(d), lines = height.taps_inside(h);
    const int64_t row_stride = channels_.inputs * taps();
    for (int64_t c = 0; c < channels_.inputs; ++c) {
      for (int64_t kd = planes.first; kd < planes.last; ++kd) {
        for (int64_t kh = lines.first; kh < lines.last; ++kh) {
          const float* const x =
              image + ((c * depth.input + depth.position(d, kd)) * height.input + height.position(h, kh)) * width.input;
          const float* const tap = w + ((c * depth.kernel + kd) * height.kernel + kh) * width.kernel;
          for (int64_t k = 0; k < width.kernel; ++k) {
            const Range reading = width.windows_reading(k, 0, width.input);
            const int64_t first = std::max(reading.first, columns.first);
            const int64_t count = std::min(reading.last, columns.last) - first;
            if (count <= 0) continue;
            const float* const from = x + width.position(first, k);
            for (int64_t r = 0; r < rows; ++r) {
              const double factor = double{tap[r * row_stride + k]};
              double* const to = block[r] + (first - columns.first);
              if (width.stride == 1) {
                for (int64_t i = 0; i < count; ++i) to[i] += factor * double{from[i]};
              } else {
                for (int64_t i = 0; i < count; ++i) to[i] += factor * double{from[i * width.stride]};
              }
            }
          }
        }
      }
    }
  }

  int64_t batch_;
  Channels channels_;
  Windows windows_;
};

/// A convolution run backwards: windows slide over the output, and each input element is added to its window.
/// Of its windows, "input" is therefore the output's size and "output" the input's.
class TransposedConvolution final : public Operator {
 public:
  TransposedConvolution(Type output, int64_t batch, const Channels& channels, const Windows& windows)
      : batch_(batch), channels_(channels), windows_(windows) {
    outputs_ = {std::move(output)};
  }

  void run(std::span<const void* const> inputs, std::span<void* const> outputs) const override {
    if (outputs_[0].size() == 0) return;
    const auto& [depth, height, width] = windows_;
    const auto* const weights = static_cast<const float*>(inputs[1]);
    const auto* const bias = inputs.size() > 2 ? static_cast<const float*>(inputs[2]) : nullptr;
    for_each_block(channels_, batch_, {depth.output, height.output, width.output},
                   {depth.input, height.input, width.input}, static_cast<const float*>(inputs[0]), bias,
                   static_cast<float*>(outputs[0]),
                   [&](const float* image, int64_t group, int64_t m, int64_t rows, int64_t d, int64_t h, Range columns,
                       Block& block) {
                     const float* const w = weights + (group * channels_.inputs * channels_.outputs + m) * taps();
                     add_block(image, w, rows, d, h, columns, block);
                   });
  }

 private:
  int64_t taps() const { return windows_[0].kernel * windows_[1].kernel * windows_[2].kernel; }

  void add_block(const float* image, const float* w, int64_t rows, int64_t d, int64_t h, Range columns,
                 Block& block) const {
    const auto& [depth, height, width] = windows_;
    const int64_t taps = this->taps();
    for (int64_t kd = 0; kd < depth.kernel; ++kd) {
      const Range plane = depth.windows_reading(kd, d, d + 1);
      for (int64_t kh = 0; plane.size() > 0 && kh < height.kernel; ++kh) {
        const Range line = height.windows_reading(kh, h, h + 1);
        if (line.size() == 0) continue;
        for (int64_t k = 0; k < width.kernel; ++k) {
          const Range windows = width.windows_reading(k, columns.first, columns.last);
          if (windows.size() == 0) continue;
          const int64_t to = width.position(windows.first, k) - columns.first;
          for (int64_t c = 0; c < channels_.inputs; ++c) {
            const float* const from =
                image + ((c * depth.output + plane.first) * height.output + line.first) * width.output + windows.first;
            const float* const tap = w + c * channels_.outputs * taps + (kd * height.kernel + kh) * width.kernel + k;
            for (int64_t r = 0; r < rows; ++r) {
              const double factor = double{tap[r * taps]};
              for (int64_t i = 0; i < windows.size(); ++i) {
                block[r][to + i * width.stride] += factor * double{from[i]};
              }
            }
          }
        }
      }
    }
  }

  int64_t batch_;
  Channels channels_;
  Windows windows_;
};

/// Of both kinds: element types, groups, the bias, and that the weights' kernel is the one announced.
/// The first and second dimension of the weights are input and output channels, in the order the operator has them.
std::optional<std::vector<int64_t>> read_weights(NodeView& node, bool transposed, Channels& channels) {
  node.expect_inputs(2, 3);
  node.expect_outputs(1);
  for (size_t i = 0; i < 2 + (node.has(2) ? 1 : 0); ++i) node.expect_element(i, ElementType::f32);
  const int64_t groups = node.integer("group", 1);
  if (!node.ok()) return std::nullopt;
  const Type &x = node.input(0), &weights = node.input(1);
  if (x.shape.size() < 3 || x.shape.size() > 5 || weights.shape.size() != x.shape.size()) {
    node.fail("has an image " + describe(x) + " and weights " + describe(weights) +
              "; both need the same number of dimensions, 3 to 5");
    return std::nullopt;
  }
  const int64_t first = weights.shape[0], second = weights.shape[1];
  if (groups < 1 || groups > std::max<int64_t>(first, 1) || first % groups != 0 || x.shape[1] % groups != 0 ||
      (transposed ? first : second) != (transposed ? x.shape[1] : x.shape[1] / groups)) {
    node.fail("has an image " + describe(x) + " and weights " + describe(weights) + ", which don't fit in " +
              std::to_string(groups) + " groups");
    return std::nullopt;
  }
  channels = {groups, x.shape[1] / groups, transposed ? second : first / groups};
  const std::vector<int64_t> kernel(weights.shape.begin() + 2, weights.shape.end());
  if (const auto announced = node.integers("kernel_shape", kernel); announced != kernel) {
    node.fail("has kernel_shape " + graph::shape_text(announced) + " and weights " + describe(weights));
  }
  if (node.has(2)) {
    const Type& bias = node.input(2);
    // A product of sizes that fit memory each; compared so that it can't overflow.
    if (bias.shape.size() != 1 || bias.shape[0] % groups != 0 || bias.shape[0] / groups != channels.outputs) {
      node.fail("has a bias " + describe(bias) + " for weights " + describe(weights) + " in " + std::to_string(groups) +
                " groups");
    }
  }
  return node.ok() ? std::optional(kernel) : std::nullopt;
}

std::unique_ptr<Operator> make_convolution(NodeView& node) {
  Channels channels;
  const auto kernel = read_weights(node, false, channels);
  if (!kernel) return nullptr;
  const Type& x = node.input(0);
  const auto windows = sliding_windows(node, x.shape, *kernel, false);
  if (!windows) return nullptr;
  Type output{ElementType::f32, output_shape(*windows, x.shape, channels.groups * channels.outputs), nullptr};
  return std::make_unique<Convolution>(std::move(output), x.shape[0], channels, *windows);
}

std::unique_ptr<Operator> make_transposed(NodeView& node) {
  Channels channels;
  const auto kernel = read_weights(node, true, channels);
  if (!kernel) return nullptr;
  const Type& x = node.input(0);
  auto windows = transposed_windows(node, x.shape, *kernel);
  if (!windows) return nullptr;
  std::vector<int64_t> shape{x.shape[0], channels.groups * channels.outputs};
  for (size_t i = 5 - x.shape.size(); i < 3; ++i) shape.push_back((*windows)[i].input);
  return std::make_unique<TransposedConvolution>(Type{ElementType::f32, std::move(shape), nullptr}, x.shape[0],
                                                 channels, *windows);
}

}  // namespace

void add_convolution(Makers& makers) {
  makers["Conv"] = make_convolution;
  makers["ConvTranspose"] = make_transposed;
}

}  // namespace sparsmith::ops

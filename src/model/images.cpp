// Pooling on strips: windows whose taps are whole lines, and means over whole images.
#include "model/images.h"

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "model/lines.h"
#include "ops/node_view.h"
#include "ops/window.h"
#include "pattern/check.h"
#include "sparsmith/panel.h"

namespace sparsmith::model {
namespace {

constexpr int64_t kLanes = kPanelWidth;

struct Lane {
  int64_t y, x;
};
Lane tile_of(int64_t lane, int64_t grid_w) { return {lane / grid_w, lane % grid_w}; }

/// Where an image lies: distances in positions.
struct ImagePlace {
  int64_t first = 0;        ///< before the first pixel, or the first that a window sees
  int64_t pitch = 0;        ///< from row to row
  int64_t image_pitch = 0;  ///< from image to image

  static ImagePlace of(const StripInterior& interior) {
    const bool runs = interior.runs.run > 0;
    return {interior.first, runs ? interior.runs.pitch : interior.grid.tile_w,
            runs ? interior.runs.image_pitch : interior.grid.positions()};
  }
};

class PoolStep final : public Step {
 public:
  PoolStep(const StepSource& source, const ImagePlace& from, const ImagePlace& to, const Conv2d& conv, bool is_mean,
           bool count_pads)
      : is_mean_(is_mean),
        shape_(strip_shape(conv)),
        from_(from),
        to_(to),
        batch_(source.type(source.input(0)).shape[0]),
        channels_(source.type(source.input(0)).shape[1]),
        y_line_(source.pitch(source.output(0)) * kLanes),
        taps_(conv.taps()),
        input_(source.work.inputs[0]),
        output_(source.work.outputs[0]) {
    for (int64_t ky = 0; ky < conv.kernel_h; ++ky) {
      for (int64_t kx = 0; kx < conv.kernel_w; ++kx) {
        tap_floats_.push_back((ky * conv.dilation_h * from_.pitch + kx * conv.dilation_w) * channels_ * kLanes);
      }
    }
    for (int64_t y = 0; y < shape_.tile_h; ++y) {
      for (int64_t x = 0; x < shape_.tile_w; ++x) add_lanes(conv, y, x, count_pads);
    }
    stride_h_ = conv.stride_h;
    stride_w_ = conv.stride_w;
  }

  Status run(const Call& call) const override {
    const int64_t line = channels_ * kLanes;
    const float* x = call.at<const float>(input_) + from_.first * line;
    float* y = call.at<float>(output_) + to_.first * y_line_;
    for (int64_t b = 0; b < batch_; ++b, x += from_.image_pitch * line, y += to_.image_pitch * y_line_) {
      const float* lanes = lanes_.data();
      for (int64_t row = 0; row < shape_.tile_h; ++row) {
        for (int64_t column = 0; column < shape_.tile_w; ++column) {
          const float* const first = x + (row * stride_h_ * from_.pitch + column * stride_w_) * line;
          float* const to = y + (row * to_.pitch + column) * y_line_;
          (is_mean_ ? line_math().mean : line_math().largest)(first, tap_floats_.data(), taps_, lanes, channels_, to);
          lanes += (is_mean_ ? 1 : taps_) * kLanes;
        }
      }
    }
    return success();
  }

 private:
  /// Of the windows at a position: what `largest` adds to its taps' lanes, or the shares of `mean`.
  void add_lanes(const Conv2d& conv, int64_t y, int64_t x, bool count_pads) {
    std::array<int64_t, kLanes> inside{}, counted{};
    for (int64_t ky = 0; ky < conv.kernel_h; ++ky) {
      for (int64_t kx = 0; kx < conv.kernel_w; ++kx) {
        for (int64_t l = 0; l < kLanes; ++l) {
          const Lane tile = tile_of(l, shape_.grid_w);
          const int64_t row = tile.y * shape_.step_h + y * conv.stride_h + ky * conv.dilation_h - conv.pad_top;
          const int64_t column = tile.x * shape_.step_w + x * conv.stride_w + kx * conv.dilation_w - conv.pad_left;
          const bool is_inside = row >= 0 && row < conv.height && column >= 0 && column < conv.width;
          inside[static_cast<size_t>(l)] += is_inside;
          counted[static_cast<size_t>(l)] +=
              row < conv.height + conv.pad_bottom && column < conv.width + conv.pad_right;
          if (!is_mean_) lanes_.push_back(is_inside ? 0 : -std::numeric_limits<float>::infinity());
        }
      }
    }
    for (size_t l = 0; is_mean_ && l < kLanes; ++l) {
      lanes_.push_back(1 / static_cast<float>(std::max<int64_t>(1, count_pads ? counted[l] : inside[l])));
    }
  }

  bool is_mean_;
  StripShape shape_;
  ImagePlace from_, to_;
  int64_t batch_, channels_, y_line_, taps_, stride_h_ = 1, stride_w_ = 1;
  int32_t input_, output_;
  std::vector<int64_t> tap_floats_;
  std::vector<float> lanes_;
};

class MeanStep final : public Step {
 public:
  MeanStep(const StepSource& source, StripInterior interior)
      : interior_(std::move(interior)),
        batch_(source.type(source.input(0)).shape[0]),
        channels_(source.type(source.input(0)).shape[1]),
        input_(source.work.inputs[0]),
        output_(source.work.outputs[0]) {
    const StripGrid& grid = interior_.grid;
    for (int64_t y = 0; y < grid.tile_h; ++y) {
      for (int64_t x = 0; x < grid.tile_w; ++x) {
        for (int64_t l = 0; l < kLanes; ++l) {
          const Lane tile = tile_of(l, grid.grid_w);
          inside_.push_back(tile.y * grid.tile_h + y < grid.height && tile.x * grid.tile_w + x < grid.width);
        }
      }
    }
  }

  Status run(const Call& call) const override {
    constexpr int64_t kChannels = 64;  // at a time, whose sums stay in L1
    const float* const x = call.at<const float>(input_) + interior_.first * channels_ * kLanes;
    float* const y = call.at<float>(output_);
    const int64_t positions = interior_.grid.positions();
    const double pixels = static_cast<double>(interior_.grid.height) * static_cast<double>(interior_.grid.width);
    for (int64_t b = 0; b < batch_; ++b) {
      for (int64_t c0 = 0; c0 < channels_; c0 += kChannels) {
        const int64_t channels = std::min(kChannels, channels_ - c0);
        float sums[kChannels * kLanes] = {};
        for (int64_t p = 0; p < positions; ++p) {
          const int64_t at = interior_.runs.at(b * positions + p) * channels_ + c0;
          line_math().add(x + at * kLanes, inside_.data() + p * kLanes, channels, sums);
        }
        for (int64_t c = 0; c < channels; ++c) {
          double sum = 0;
          for (int64_t l = 0; l < kLanes; ++l) sum += static_cast<double>(sums[c * kLanes + l]);
          y[b * channels_ + c0 + c] = static_cast<float>(sum / pixels);
        }
      }
    }
    return success();
  }

 private:
  StripInterior interior_;
  int64_t batch_, channels_;
  int32_t input_, output_;
  std::vector<int32_t> inside_;
};

/// The padding that makes a convolution have `output` windows.
int64_t pad_end(const ops::WindowAxis& axis) {
  return std::max<int64_t>(0, axis.position(axis.output - 1, axis.kernel - 1) + 1 - axis.input);
}

}  // namespace

std::optional<PoolWindows> pool_windows(const graph::Graph& graph, const graph::Node& node, const ops::Type& input) {
  const bool is_mean = node.op == "AveragePool";
  if (!node.domain.empty() || (!is_mean && node.op != "MaxPool")) return std::nullopt;
  if (node.outputs.size() != 1 || input.element != ElementType::f32 || input.shape.size() != 4) return std::nullopt;
  const std::optional<ops::Type> inputs[] = {input};
  ops::NodeView view(graph, node, inputs);
  const auto windows =
      ops::sliding_windows(view, input.shape, view.integers("kernel_shape"), view.integer("ceil_mode", 0) != 0);
  if (!windows || !view.ok() || view.integer("storage_order", 0) != 0) return std::nullopt;
  const auto& [depth, height, width] = *windows;
  if (std::min({height.input, width.input, height.output, width.output}) < 1) return std::nullopt;
  Conv2d conv;
  conv.height = height.input;
  conv.width = width.input;
  conv.kernel_h = height.kernel;
  conv.kernel_w = width.kernel;
  conv.stride_h = height.stride;
  conv.stride_w = width.stride;
  conv.dilation_h = height.dilation;
  conv.dilation_w = width.dilation;
  conv.pad_top = height.pad_begin;
  conv.pad_left = width.pad_begin;
  conv.pad_bottom = pad_end(height);
  conv.pad_right = pad_end(width);
  const bool count_pads = view.integer("count_include_pad", 0) != 0;
  // A last window beyond the padding, or padding that no window reads: what counts then is the plain operator's.
  if (count_pads && (conv.pad_bottom > height.pad_end || conv.pad_right > width.pad_end)) return std::nullopt;
  if (conv.out_height() != height.output || conv.out_width() != width.output) return std::nullopt;
  return PoolWindows{conv, is_mean, count_pads};
}

std::optional<Conv2d> convolution_of(const graph::Graph& graph, const graph::Node& node, const ops::Type& x,
                                     const ops::Type& weights) {
  if (x.shape.size() != 4 || weights.shape.size() != 4 || x.element != ElementType::f32) return std::nullopt;
  ops::NodeView view(graph, node, {});
  const auto strides = view.integers("strides", {1, 1}), dilations = view.integers("dilations", {1, 1});
  const auto pads = view.integers("pads", {0, 0, 0, 0});
  if (!view.ok() || strides.size() != 2 || dilations.size() != 2 || pads.size() != 4) return std::nullopt;
  Conv2d conv;
  conv.height = x.shape[2];
  conv.width = x.shape[3];
  conv.kernel_h = weights.shape[2];
  conv.kernel_w = weights.shape[3];
  conv.stride_h = strides[0];
  conv.stride_w = strides[1];
  conv.dilation_h = dilations[0];
  conv.dilation_w = dilations[1];
  conv.pad_top = pads[0];
  conv.pad_left = pads[1];
  conv.pad_bottom = pads[2];
  conv.pad_right = pads[3];
  conv.groups = view.integer("group", 1);
  const int64_t k = weights.shape[1] * weights.shape[2] * weights.shape[3];
  if (!check_conv(weights.shape[0], k, conv)) return std::nullopt;
  return conv;
}

bool pools_in_place(const Conv2d& conv, const Format& format) {
  const auto interior = interior_of(format);
  if (!interior || conv.taps() != 1 || conv.pad_top + conv.pad_left + conv.pad_bottom + conv.pad_right != 0)
    return false;
  const StripGrid to = output_grid(conv), &from = interior->grid;
  return from.height == conv.height && from.width == conv.width && from.grid_h == to.grid_h &&
         from.grid_w == to.grid_w && from.tile_h == to.tile_h * conv.stride_h &&
         from.tile_w == to.tile_w * conv.stride_w;
}

Result<std::unique_ptr<Step>> make_pool_step(const StepSource& source) {
  const Format &from = source.input(0).format, &to = source.output(0).format;
  const auto pool = pool_windows(source.graph, source.node(), source.type(source.input(0)));
  const auto y = interior_of(to);
  if (!pool || !y || !(y->grid == output_grid(pool->conv))) return source.wrong("can't pool its image as it lies");
  const StripShape shape = strip_shape(pool->conv);
  ImagePlace image{0, shape.x_w, shape.x_positions()};
  if (pools_in_place(pool->conv, from)) {
    image = ImagePlace::of(*interior_of(from));
  } else if (!(from == Format::of(pool->conv))) {
    return source.wrong("can't pool its image as it lies");
  }
  return std::unique_ptr<Step>(
      std::make_unique<PoolStep>(source, image, ImagePlace::of(*y), pool->conv, pool->is_mean, pool->count_pads));
}

Result<std::unique_ptr<Step>> make_mean_step(const StepSource& source) {
  const auto interior = interior_of(source.input(0).format);
  const bool plain = source.output(0).format.kind == Format::Kind::plain;
  const ops::Type& input = source.type(source.input(0));
  const ops::Type& output = source.type(source.output(0));
  if (!interior || !plain || source.node().op != "GlobalAveragePool" || input.shape.size() != 4 ||
      output.size() != input.shape[0] * input.shape[1]) {
    return source.wrong("can't average its image as it lies");
  }
  return std::unique_ptr<Step>(std::make_unique<MeanStep>(source, *interior));
}

}  // namespace sparsmith::model

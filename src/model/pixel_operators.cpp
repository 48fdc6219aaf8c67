// What operators do to the pixels of 16 channels.
#include <algorithm>
#include <limits>
#include <map>
#include <utility>

#include "model/images.h"
#include "model/pixel_lines.h"
#include "model/pixels.h"
#include "ops/layer.h"
#include "ops/node_view.h"
#include "ops/resize.h"
#include "sparsmith/panel.h"

namespace sparsmith::model {
namespace {

constexpr int64_t kLanes = kPanelWidth;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<float> lines_of(float value, int64_t lines = 1) {
  return std::vector<float>(static_cast<size_t>(lines * kLanes), value);
}

/// Windows that slide over an image with its padding.
class Windows : public PixelOperator {
 protected:
  Windows(const Conv2d& conv, float around)
      : height_(conv.out_height()), width_(conv.out_width()), step_(conv.stride_w) {
    const PixelFrame frame =
        PixelFrame::of(conv.height, conv.width, conv.pad_top, conv.pad_left, conv.pad_bottom, conv.pad_right);
    loads = {{frame, 0, 1}};
    output = PixelFrame::of(height_, width_);
    border = around;
    row_ = conv.stride_h * frame.row;
    for (int64_t ky = 0; ky < conv.kernel_h; ++ky) {
      for (int64_t kx = 0; kx < conv.kernel_w; ++kx) {
        taps_.push_back(static_cast<int32_t>(ky * conv.dilation_h * frame.row + kx * conv.dilation_w));
      }
    }
  }
  int64_t count() const { return static_cast<int64_t>(taps_.size()); }

  int64_t height_, width_;
  int64_t step_, row_ = 0;  ///< lines from window to window
  std::vector<int32_t> taps_;
};

class Largest final : public Windows {
 public:
  explicit Largest(const Conv2d& conv) : Windows(conv, -kInfinity) {}
  void run(const float* x, int64_t, float*, float* y) const override {
    for (int64_t row = 0; row < height_; ++row, x += row_ * kLanes, y += width_ * kLanes) {
      pixel_math().largest(x, taps_.data(), step_, count(), width_, y);
    }
  }
};

class Mean final : public Windows {
 public:
  Mean(const Conv2d& conv, bool count_pads) : Windows(conv, 0) {
    const auto elements = [&](int64_t at, int64_t kernel, int64_t dilation, int64_t size, int64_t end) {
      int64_t inside = 0;
      for (int64_t k = 0; k < kernel; ++k) {
        const int64_t i = at + k * dilation;
        inside += count_pads ? i < size + end : i >= 0 && i < size;
      }
      return std::max<int64_t>(1, inside);
    };
    for (int64_t y = 0; y < height_; ++y) {
      rows_.push_back(
          elements(y * conv.stride_h - conv.pad_top, conv.kernel_h, conv.dilation_h, conv.height, conv.pad_bottom));
    }
    for (int64_t x = 0; x < width_; ++x) {
      columns_.push_back(
          elements(x * conv.stride_w - conv.pad_left, conv.kernel_w, conv.dilation_w, conv.width, conv.pad_right));
    }
    for (const int64_t r : rows_) {
      for (const int64_t c : columns_) {
        auto& weights = shares_[r * c];
        if (weights.empty()) weights = lines_of(1 / static_cast<float>(r * c), count());
      }
    }
  }
  void run(const float* x, int64_t, float*, float* y) const override {
    for (int64_t row = 0; row < height_; ++row, x += row_ * kLanes, y += width_ * kLanes) {
      for (int64_t from = 0, to = 0; from < width_; from = to) {
        const int64_t elements = columns_[static_cast<size_t>(from)];
        while (to < width_ && columns_[static_cast<size_t>(to)] == elements) ++to;
        const float* const weights = shares_.find(rows_[static_cast<size_t>(row)] * elements)->second.data();
        pixel_math().weigh(x + from * step_ * kLanes, taps_.data(), step_, weights, count(), zero_.data(), lo_.data(),
                           hi_.data(), to - from, y + from * kLanes);
      }
    }
  }

 private:
  std::vector<int64_t> rows_, columns_;           ///< elements of each window
  std::map<int64_t, std::vector<float>> shares_;  ///< weights of all taps, by the elements of a window
  std::vector<float> zero_ = lines_of(0), lo_ = lines_of(-kInfinity), hi_ = lines_of(kInfinity);
};

/// A convolution layer of a channel a group.
class Depthwise final : public Windows {
 public:
  Depthwise(const Conv2d& conv, const ops::LayerEpilogue& epilogue, const graph::Tensor& weights,
            const graph::Tensor* bias)
      : Windows(conv, 0), epilogue_(epilogue) {
    const int64_t channels = conv.groups, blocks = (channels + kLanes - 1) / kLanes;
    weights_ = lines_of(0, blocks * count());
    bias_ = lines_of(0, blocks);
    for (int64_t c = 0; c < channels; ++c) {
      const int64_t block = c / kLanes, lane = c % kLanes;
      for (int64_t t = 0; t < count(); ++t) {
        weights_[static_cast<size_t>((block * count() + t) * kLanes + lane)] =
            weights.as<float>()[static_cast<size_t>(c * count() + t)];
      }
      if (bias != nullptr) bias_[static_cast<size_t>(c)] = bias->as<float>()[static_cast<size_t>(c)];
    }
    using enum ops::Activation;
    const bool bounded = epilogue.activation == relu || epilogue.activation == clip;
    if (epilogue.activation == relu) lo_ = lines_of(0);
    if (epilogue.activation == clip) {
      lo_ = lines_of(epilogue.lo);
      hi_ = lines_of(epilogue.hi);
    }
    if (bounded) epilogue_.activation = none;
  }
  void run(const float* x, int64_t block, float*, float* y) const override {
    const float* const weights = weights_.data() + block * count() * kLanes;
    float* to = y;
    for (int64_t row = 0; row < height_; ++row, x += row_ * kLanes, to += width_ * kLanes) {
      pixel_math().weigh(x, taps_.data(), step_, weights, count(), bias_.data() + block * kLanes, lo_.data(),
                         hi_.data(), width_, to);
    }
    ops::activate(epilogue_, y, height_ * width_ * kLanes);
  }

 private:
  ops::LayerEpilogue epilogue_;  ///< what bounds don't do
  std::vector<float> weights_, bias_;
  std::vector<float> lo_ = lines_of(-kInfinity), hi_ = lines_of(kInfinity);
};

/// Rows first, then within the row.
class Resize final : public PixelOperator {
 public:
  Resize(int64_t height, int64_t width, ops::Taps rows, ops::Taps columns)
      : width_(width), rows_(std::move(rows)), columns_(std::move(columns)) {
    for (ops::Taps* const taps : {&rows_, &columns_}) {
      if (taps->weight.empty()) taps->weight.assign(taps->index.size(), 1.0f);
    }
    out_width_ = static_cast<int64_t>(columns_.index.size()) / columns_.width;
    out_height_ = static_cast<int64_t>(rows_.index.size()) / rows_.width;
    loads = {{PixelFrame::of(height, width), 0, 1}};
    output = PixelFrame::of(out_height_, out_width_);
    working_lines = width;
    for (const float weight : rows_.weight) {
      const auto line = lines_of(weight);
      weights_.insert(weights_.end(), line.begin(), line.end());
    }
    for (int32_t& index : rows_.index) index *= static_cast<int32_t>(width);
  }
  void run(const float* x, int64_t, float* memory, float* y) const override {
    for (int64_t row = 0; row < out_height_; ++row, y += out_width_ * kLanes) {
      const int64_t first = row * rows_.width;
      const float* from = x + rows_.index[static_cast<size_t>(first)] * kLanes;
      if (rows_.width > 1) {
        pixel_math().weigh(x, rows_.index.data() + first, 1, weights_.data() + first * kLanes, rows_.width,
                           zero_.data(), lo_.data(), hi_.data(), width_, memory);
        from = memory;
      }
      pixel_math().interpolate(from, columns_.index.data(), columns_.weight.data(), columns_.width, out_width_, y);
    }
  }

 private:
  int64_t width_, out_height_ = 0, out_width_ = 0;
  ops::Taps rows_, columns_;
  std::vector<float> weights_;  ///< of rows, a line each
  std::vector<float> zero_ = lines_of(0), lo_ = lines_of(-kInfinity), hi_ = lines_of(kInfinity);
};

ops::Taps same(int64_t size) {
  ops::Taps taps;
  for (int64_t i = 0; i < size; ++i) taps.index.push_back(static_cast<int32_t>(i));
  return taps;
}

std::unique_ptr<PixelOperator> make_resize(ops::NodeView& view) {
  auto resize = ops::plan_resize(view);
  if (!view.ok() || resize.axes[0].resized() || resize.axes[1].resized()) return nullptr;
  const int64_t height = resize.axes[2].input, width = resize.axes[3].input;
  if (resize.axes[2].output < 1 || resize.axes[3].output < 1) return nullptr;
  return std::make_unique<Resize>(height, width, resize.taps[2] ? std::move(*resize.taps[2]) : same(height),
                                  resize.taps[3] ? std::move(*resize.taps[3]) : same(width));
}

std::unique_ptr<PixelOperator> make_depth_to_space(ops::NodeView& view, const ops::Type& x) {
  const int64_t block = view.integer("blocksize", 0);
  const std::string mode = view.opset() < 11 ? "DCR" : view.text("mode", "DCR");
  constexpr int64_t kMost = 64;
  if (!view.ok() || block < 1 || block > kMost || x.shape[1] % (block * block) != 0) return nullptr;
  if (mode != "DCR" && mode != "CRD") return nullptr;
  const int64_t channels = x.shape[1] / (block * block), height = x.shape[2] * block, width = x.shape[3] * block;
  auto made = std::make_unique<PixelOperator>();
  made->into_y = true;
  made->output = PixelFrame::of(height, width);
  for (int64_t i = 0; i < block * block; ++i) {
    const PixelFrame frame{height * width, i / block * width + i % block, block * width, block};
    made->loads.push_back(mode == "DCR" ? PixelOperator::Load{frame, i * channels, 1}
                                        : PixelOperator::Load{frame, i, block * block});
  }
  return made;
}

std::unique_ptr<PixelOperator> make_depthwise(const graph::Graph& graph, ops::NodeView& view, const ops::Type& x) {
  const ops::LayerEpilogue epilogue = ops::read_epilogue(view);
  if (!view.ok() || view.has(ops::kLayerResidual) || view.has(ops::kLayerSlope)) return nullptr;
  const graph::Tensor* const weights = view.input(ops::kLayerWeights).constant;
  const graph::Tensor* const bias = view.has(ops::kLayerBias) ? view.input(ops::kLayerBias).constant : nullptr;
  if (weights == nullptr || weights->type != ElementType::f32 || weights->shape.size() != 4) return nullptr;
  if (view.has(ops::kLayerBias) && (bias == nullptr || bias->type != ElementType::f32)) return nullptr;
  const auto conv = convolution_of(graph, view.node(), x, view.input(ops::kLayerWeights));
  if (!conv || conv->groups != x.shape[1] || weights->shape[0] != x.shape[1] || weights->shape[1] != 1) return nullptr;
  if (bias != nullptr && bias->size() != x.shape[1]) return nullptr;
  return std::make_unique<Depthwise>(*conv, epilogue, *weights, bias);
}

}  // namespace

PixelFrame PixelFrame::of(int64_t height, int64_t width, int64_t pad_top, int64_t pad_left, int64_t pad_bottom,
                          int64_t pad_right) {
  const int64_t row = pad_left + width + pad_right;
  return {(pad_top + height + pad_bottom) * row, pad_top * row + pad_left, row, 1};
}

void PixelOperator::run(const float*, int64_t, float*, float*) const {}

std::unique_ptr<PixelOperator> make_pixel_operator(const graph::Graph& graph, const graph::Node& node,
                                                   std::span<const std::optional<ops::Type>> inputs) {
  constexpr int64_t kMostLines = int64_t{1} << 17;  // 8 MB a thread
  constexpr int64_t kMostTaps = 225;                // means have weights for each number of elements that windows have
  if (inputs.empty() || !inputs[0] || node.outputs.size() != 1) return nullptr;
  const ops::Type& x = *inputs[0];
  if (x.element != ElementType::f32 || x.shape.size() != 4 || x.shape[1] < 1) return nullptr;
  if (x.shape[2] < 1 || x.shape[3] < 1 || x.shape[2] > kMostLines / x.shape[3]) return nullptr;
  std::unique_ptr<PixelOperator> made;
  ops::NodeView view(graph, node, inputs);
  if (node.domain == ops::kLayerDomain && node.op == "Conv") {
    made = make_depthwise(graph, view, x);
  } else if (!node.domain.empty()) {
    return nullptr;
  } else if (const auto pool = pool_windows(graph, node, x)) {
    if (pool->conv.taps() > kMostTaps) return nullptr;
    if (pool->is_mean) {
      made = std::make_unique<Mean>(pool->conv, pool->count_pads);
    } else {
      made = std::make_unique<Largest>(pool->conv);
    }
  } else if (node.op == "Resize" || node.op == "Upsample") {
    made = make_resize(view);
  } else if (node.op == "DepthToSpace") {
    made = make_depth_to_space(view, x);
  }
  if (made == nullptr || made->output.lines > kMostLines || made->loads[0].frame.lines > kMostLines) return nullptr;
  return made;
}

bool pays_by_pixels(const Conv2d& conv, int64_t channels) {
  constexpr double kMultiplyAdd = 0.17, kLine = 2.4, kLineBeyondL2 = 3.2, kRegrid = 2;  // ns on strips
  constexpr double kTap = 0.36, kTransposed[] = {36, 50, 90};                           // ns by pixels
  constexpr double kL2Lines = (2 << 20) / 64;
  constexpr int64_t kBlockLines[] = {2048, 8192};  // of which each transposition takes that long
  constexpr double kClearly = 0.9;                 // for less, a kernel stays one
  const StripShape strips = strip_shape(conv);
  const Conv2d image{.height = conv.height, .width = conv.width};
  const auto all = static_cast<double>(channels), taps = static_cast<double>(conv.taps());
  const auto lines = static_cast<double>(strips.x_positions()) * all;
  const double on_strips = static_cast<double>(strips.y_positions()) * taps * all * kMultiplyAdd +
                           lines * (lines > kL2Lines ? kLineBeyondL2 : kLine) +
                           (can_link(output_grid(image), conv) ? 0 : lines * kRegrid);
  const int64_t pixels = conv.out_height() * conv.out_width();
  const int64_t block_lines = conv.height * conv.width + pixels;
  const double transposed = kTransposed[(block_lines > kBlockLines[0]) + (block_lines > kBlockLines[1])];
  const auto positions = static_cast<double>(output_grid(image).positions() + strips.y_positions());
  const double by_pixels = static_cast<double>((channels + kLanes - 1) / kLanes) *
                           (positions * transposed + static_cast<double>(pixels) * taps * kTap);
  return by_pixels < kClearly * on_strips;
}

}  // namespace sparsmith::model

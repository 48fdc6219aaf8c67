// Pooling: the largest or the mean element of windows, and of whole images.
#include "ops/lanes.h"
#include "ops/registry.h"
#include "ops/window.h"

namespace sparsmith::ops {
namespace {

using graph::ElementType;

constexpr float kLeast = -std::numeric_limits<float>::infinity();

struct Largest : Larger {
  static constexpr float kStart = kLeast;
};
struct Sum {
  static constexpr float kStart = 0;
  float operator()(float a, float b) const { return a + b; }
};

/// Windows over images [images, depth, height, width], one after another.
template <class Join>
class Pool final : public Operator {
 public:
  /// `count_pads`: a mean divides by the padding's elements too.
  Pool(Type output, int64_t images, const Windows& windows, bool count_pads)
      : images_(images), windows_(windows), count_pads_(count_pads) {
    outputs_ = {std::move(output)};
  }

  void run(std::span<const void* const> inputs, std::span<void* const> outputs) const override {
    const auto& [depth, height, width] = windows_;
    if (outputs_[0].size() == 0) return;
    const auto* x = static_cast<const float*>(inputs[0]);
    auto* y = static_cast<float*>(outputs[0]);
    for (int64_t image = 0; image < images_; ++image) {
      for (int64_t d = 0; d < depth.output; ++d) {
        for (int64_t h = 0; h < height.output; ++h) {
          join_windows(x, d, h, y);
          if constexpr (std::is_same_v<Join, Sum>) divide(double(counted(depth, d)) * double(counted(height, h)), y);
          y += width.output;
        }
      }
      x += depth.input * height.input * width.input;
    }
  }

 private:
  static constexpr int64_t kColumns = 1024;  // of the input at a time: they stay in the nearest cache

  /// One output row: first joins input rows column by column, where loops are contiguous, then columns to windows.
  void join_windows(const float* x, int64_t d, int64_t h, float* y) const {
    const auto& [depth, height, width] = windows_;
    const Range planes = depth.taps_inside(d), rows = height.taps_inside(h);
    std::fill_n(y, width.output, Join::kStart);
    if (planes.size() == 0 || rows.size() == 0) return;
    const Join join;
    for (int64_t first = 0; first < width.input; first += kColumns) {
      const int64_t last = std::min(width.input, first + kColumns);
      float joined[kColumns];
      const float* row = nullptr;
      for (int64_t kd = planes.first; kd < planes.last; ++kd) {
        const float* const plane = x + depth.position(d, kd) * height.input * width.input;
        for (int64_t kh = rows.first; kh < rows.last; ++kh) {
          const float* const next = plane + height.position(h, kh) * width.input + first;
          if (row != nullptr) {
            for (int64_t i = 0; i < last - first; ++i) joined[i] = join(row[i], next[i]);
          }
          row = row == nullptr ? next : joined;
        }
      }
      join_columns(row, {first, last}, y);
    }
  }

  /// Joins columns to the windows that read them: tap by tap where rows are long, else window by window.
  void join_columns(const float* row, Range columns, float* y) const {
    const WindowAxis& width = windows_[2];
    const Join join;
    if (width.output < width.kernel) {
      for (int64_t o = 0; o < width.output; ++o) {
        const Range taps = width.taps_reading(o, columns.first, columns.last);
        for (int64_t k = taps.first; k < taps.last; ++k) {
          y[o] = join(y[o], row[width.position(o, k) - columns.first]);
        }
      }
      return;
    }
    for (int64_t k = 0; k < width.kernel; ++k) {
      const Range windows = width.windows_reading(k, columns.first, columns.last);
      if (windows.size() == 0) continue;
      const float* const from = row + (width.position(windows.first, k) - columns.first);
      float* const to = y + windows.first;
      if (width.stride == 1) {
        for (int64_t i = 0; i < windows.size(); ++i) to[i] = join(to[i], from[i]);
      } else if (width.stride == 2) {
        for (int64_t i = 0; i < windows.size(); ++i) to[i] = join(to[i], from[2 * i]);
      } else {
        for (int64_t i = 0; i < windows.size(); ++i) to[i] = join(to[i], from[i * width.stride]);
      }
    }
  }

  /// Where elements that count begin and end.
  Range extent(const WindowAxis& axis) const {
    return count_pads_ ? Range{-axis.pad_begin, axis.input + axis.pad_end} : Range{0, axis.input};
  }
  int64_t counted(const WindowAxis& axis, int64_t window) const {
    const Range all = extent(axis);
    return axis.taps_reading(window, all.first, all.last).size();
  }
  /// Sums to means; those of windows without elements stay 0.
  void divide(double outer, float* y) const {
    const WindowAxis& width = windows_[2];
    const auto divide_one = [&](int64_t o) {
      const double count = outer * double(counted(width, o));
      if (count > 0) y[o] /= float(count);
    };
    const Range all = extent(width);
    const Range begin_in = width.windows_reading(0, all.first, all.last);
    const Range end_in = width.windows_reading(width.kernel - 1, all.first, all.last);
    // Windows that lie wholly within, and those at the edges.
    const int64_t first = std::max(begin_in.first, end_in.first);
    const int64_t last = std::max(first, std::min(begin_in.last, end_in.last));
    for (int64_t o = 0; o < first; ++o) divide_one(o);
    if (const double count = outer * double(width.kernel); count > 0) {
      for (int64_t o = first; o < last; ++o) y[o] /= float(count);
    }
    for (int64_t o = last; o < width.output; ++o) divide_one(o);
  }

  int64_t images_;
  Windows windows_;
  bool count_pads_;
};

template <class Join>
std::unique_ptr<Operator> make_pool(NodeView& node) {
  constexpr bool kMean = std::is_same_v<Join, Sum>;
  node.expect_inputs(1, 1);
  node.expect_outputs(kMean ? 1 : 2);
  node.expect_element(0, ElementType::f32);
  const std::vector<graph::ValueId>& outputs = node.node().outputs;
  if (outputs.size() > 1) node.fail("has the output Indices, which isn't supported; only the largest elements are");
  if (!node.has_attribute("kernel_shape")) node.fail("lacks the attribute kernel_shape");
  if (kMean && node.opset() < 19 && node.has_attribute("dilations")) {
    node.fail("has dilations in opset " + std::to_string(node.opset()) + "; they came with opset 19");
  }
  const Type& x = node.input(0);
  const auto windows = sliding_windows(node, x.shape, node.integers("kernel_shape"), node.integer("ceil_mode", 0) != 0);
  const bool count_pads = kMean && node.integer("count_include_pad", 0) != 0;
  if (!node.ok()) return nullptr;
  for (const WindowAxis& axis : *windows) {
    if (std::max(axis.pad_begin, axis.pad_end) < axis.span()) continue;
    node.fail("has pads " + std::to_string(axis.pad_begin) + " and " + std::to_string(axis.pad_end) +
              " around windows of " + std::to_string(axis.span()) + "; they must be smaller, or windows are empty");
    return nullptr;
  }
  return std::make_unique<Pool<Join>>(Type{ElementType::f32, output_shape(*windows, x.shape, x.shape[1]), nullptr},
                                      x.shape[0] * x.shape[1], *windows, count_pads);
}

/// Whole images to one element each.
template <bool kMean>
class GlobalPool final : public Operator {
 public:
  GlobalPool(Type output, int64_t elements) : elements_(elements) { outputs_ = {std::move(output)}; }
  void run(std::span<const void* const> inputs, std::span<void* const> outputs) const override {
    const auto* x = static_cast<const float*>(inputs[0]);
    auto* const y = static_cast<float*>(outputs[0]);
    const int64_t images = outputs_[0].size();
    for (int64_t image = 0; image < images; ++image, x += elements_) {
      if constexpr (kMean) {
        y[image] = static_cast<float>(sum_of(x, elements_, [](float v) { return v; }) / static_cast<double>(elements_));
      } else {
        y[image] = fold_of(x, elements_, kLeast, Larger{});
      }
    }
  }

 private:
  int64_t elements_;
};

template <bool kMean>
std::unique_ptr<Operator> make_global_pool(NodeView& node) {
  node.expect_inputs(1, 1);
  node.expect_outputs(1);
  node.expect_element(0, ElementType::f32);
  const Type& x = node.input(0);
  if (node.ok() && x.shape.size() < 3) node.fail("works on " + describe(x) + "; [batch, channels, ...] is expected");
  if (!node.ok()) return nullptr;
  Type output{ElementType::f32, std::vector<int64_t>(x.shape.size(), 1), nullptr};
  int64_t elements = 1;
  for (size_t i = 0; i < x.shape.size(); ++i) (i < 2 ? output.shape[i] : elements) *= x.shape[i];
  return std::make_unique<GlobalPool<kMean>>(std::move(output), elements);
}

}  // namespace

void add_pooling(Makers& makers) {
  makers["AveragePool"] = make_pool<Sum>;
  makers["GlobalAveragePool"] = make_global_pool<true>;
  makers["GlobalMaxPool"] = make_global_pool<false>;
  makers["MaxPool"] = make_pool<Largest>;
}

}  // namespace sparsmith::ops

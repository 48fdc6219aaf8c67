// Resize and Upsample: nearest elements, or means of 2 or 4 along each resized dimension.
#include "ops/resize.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "ops/registry.h"

namespace sparsmith::ops {
namespace {

using graph::ElementType;

/// A dimension as it is walked through: dimensions that keep their size are one with neighbours that do, too.
struct Level {
  int64_t count = 0;  ///< of the output
  int64_t from_stride = 0, to_stride = 0;
  std::optional<Taps> taps;  ///< none: element i comes from element i
};

std::vector<Level> levels_of(const std::vector<ResizeAxis>& axes, std::vector<std::optional<Taps>> taps) {
  std::vector<Level> levels;  // from the innermost out
  int64_t from = 1, to = 1;
  for (size_t d = axes.size(); d-- > 0;) {
    if (taps[d]) {
      levels.push_back({axes[d].output, from, to, std::move(taps[d])});
    } else if (!levels.empty() && !levels.back().taps) {
      levels.back().count *= axes[d].output;
    } else {
      levels.push_back({axes[d].output, from, to, std::nullopt});
    }
    from *= axes[d].input;
    to *= axes[d].output;
  }
  std::reverse(levels.begin(), levels.end());
  return levels;
}

/// Elements of any type. Blocks that come from the same place as the one in front of them are copies of it.
class Nearest final : public Operator {
 public:
  Nearest(Type output, std::vector<Level> levels) : levels_(std::move(levels)) {
    const int64_t element = graph::size_of(output.element);
    run_bytes_ = element;
    if (!levels_.empty() && !levels_.back().taps) {
      run_bytes_ *= levels_.back().count;
      levels_.pop_back();
    }
    for (Level& level : levels_) {
      level.from_stride *= element;
      level.to_stride *= element;
    }
    outputs_ = {std::move(output)};
  }
  void run(std::span<const void* const> inputs, std::span<void* const> outputs) const override {
    if (outputs_[0].size() == 0) return;
    const auto* const x = static_cast<const std::byte*>(inputs[0]);
    auto* const y = static_cast<std::byte*>(outputs[0]);
    switch (run_bytes_) {
      case 1:
        return walk<1>(0, x, y);
      case 2:
        return walk<2>(0, x, y);
      case 4:
        return walk<4>(0, x, y);
      case 8:
        return walk<8>(0, x, y);
      default:
        return walk<0>(0, x, y);
    }
  }

 private:
  /// Runs of RunBytes, or where that is 0, of run_bytes_.
  template <size_t RunBytes>
  void walk(size_t depth, const std::byte* from, std::byte* to) const {
    const size_t run_bytes = RunBytes > 0 ? RunBytes : static_cast<size_t>(run_bytes_);
    if (depth == levels_.size()) {
      std::memcpy(to, from, run_bytes);
      return;
    }
    const Level& level = levels_[depth];
    const int32_t* const index = level.taps ? level.taps->index.data() : nullptr;
    if (depth + 1 == levels_.size()) {  // has taps, else it would be a run
      for (int64_t i = 0; i < level.count; ++i) {
        std::memcpy(to + i * level.to_stride, from + index[i] * level.from_stride, run_bytes);
      }
      return;
    }
    for (int64_t i = 0; i < level.count; ++i, to += level.to_stride) {
      if (index != nullptr && i > 0 && index[i] == index[i - 1]) {
        std::memcpy(to, to - level.to_stride, static_cast<size_t>(level.to_stride));
      } else {
        walk<RunBytes>(depth + 1, from + (index != nullptr ? index[i] : i) * level.from_stride, to);
      }
    }
  }

  std::vector<Level> levels_;
  int64_t run_bytes_ = 0;
};

constexpr size_t kMostResized = 3;  ///< dimensions that are interpolated: volumes

/// Weighted means. A row of the output is first made as wide as the input's rows, and then resized itself.
class Interpolate final : public Operator {
 public:
  Interpolate(Type output, std::vector<Level> levels) : levels_(std::move(levels)) {
    outputs_ = {std::move(output)};
    row_ = std::move(levels_.back());
    levels_.pop_back();
    if (row_.taps) cut_row();
  }
  void run(std::span<const void* const> inputs, std::span<void* const> outputs) const override {
    if (outputs_[0].size() == 0) return;
    Blend blend;
    blend.rows[0] = static_cast<const float*>(inputs[0]);
    blend.weights[0] = 1;
    walk(0, blend, static_cast<float*>(outputs[0]));
  }

 private:
  /// What a row is the weighted sum of.
  struct Blend {
    size_t count = 1;
    std::array<const float*, 64> rows;  // 4 to the kMostResized
    std::array<float, 64> weights;
    void into(float* y, int64_t offset, int64_t size) const {
      if (count == 1) {
        const float* const a = rows[0] + offset;
        for (int64_t i = 0; i < size; ++i) y[i] = weights[0] * a[i];
        return;
      }
      for (size_t k = 0; k < count; k += 2) {
        const float *const a = rows[k] + offset, *const b = rows[k + 1] + offset;
        const float wa = weights[k], wb = weights[k + 1];
        if (k == 0) {
          for (int64_t i = 0; i < size; ++i) y[i] = wa * a[i] + wb * b[i];
        } else {
          for (int64_t i = 0; i < size; ++i) y[i] += wa * a[i] + wb * b[i];
        }
      }
    }
  };

  void walk(size_t depth, const Blend& blend, float* y) const {
    if (depth == levels_.size()) return make_row(blend, y);
    const Level& level = levels_[depth];
    Blend next;
    for (int64_t i = 0; i < level.count; ++i) {
      next.count = 0;
      const size_t width = level.taps ? static_cast<size_t>(level.taps->width) : 1;
      for (size_t t = 0; t < width; ++t) {
        const auto tap = static_cast<size_t>(i) * width + t;
        const int64_t index = level.taps ? level.taps->index[tap] : i;
        const float weight = level.taps ? level.taps->weight[tap] : 1;
        for (size_t k = 0; k < blend.count; ++k, ++next.count) {
          next.rows[next.count] = blend.rows[k] + index * level.from_stride;
          next.weights[next.count] = blend.weights[k] * weight;
        }
      }
      walk(depth + 1, next, y + i * level.to_stride);
    }
  }

  void make_row(const Blend& blend, float* y) const {
    if (!row_.taps) return blend.into(y, 0, row_.count);
    std::array<float, kBuffer> buffer;
    for (const Piece& piece : pieces_) {
      blend.into(buffer.data(), piece.from, piece.size);
      const float* const x = buffer.data() - piece.from;
      const int32_t* const index = row_.taps->index.data();
      const float* const weight = row_.taps->weight.data();
      if (row_.taps->width == 2) {
        for (int64_t i = piece.begin; i < piece.end; ++i) {
          y[i] = weight[2 * i] * x[index[2 * i]] + weight[2 * i + 1] * x[index[2 * i + 1]];
        }
      } else {
        for (int64_t i = piece.begin; i < piece.end; ++i) {
          y[i] = weight[4 * i] * x[index[4 * i]] + weight[4 * i + 1] * x[index[4 * i + 1]] +
                 weight[4 * i + 2] * x[index[4 * i + 2]] + weight[4 * i + 3] * x[index[4 * i + 3]];
        }
      }
    }
  }

  /// Pieces of the output's rows that come from no more of the input's than the buffer holds.
  void cut_row() {
    const Taps& taps = *row_.taps;
    const auto width = static_cast<std::ptrdiff_t>(taps.width);
    int64_t first = 0, last = 0;
    for (int64_t i = 0; i < row_.count; ++i) {
      const auto at = taps.index.begin() + i * width;
      const auto [low, high] = std::minmax_element(at, at + width);
      if (i == 0 || std::max<int64_t>(last, *high) - std::min<int64_t>(first, *low) >= kBuffer) {
        pieces_.push_back({i, i, 0, 0});
        first = *low;
        last = *high;
      }
      first = std::min<int64_t>(first, *low);
      last = std::max<int64_t>(last, *high);
      pieces_.back() = {pieces_.back().begin, i + 1, first, last - first + 1};
    }
  }

  static constexpr int64_t kBuffer = 2048;
  struct Piece {
    int64_t begin, end;  ///< of the output
    int64_t from, size;  ///< of the input
  };
  std::vector<Level> levels_;
  Level row_;
  std::vector<Piece> pieces_;
};

/// What a node says about how, apart from the sizes.
struct Manner {
  std::string mode;
  Coordinates coordinates = Coordinates::asymmetric;
  Rounding rounding = Rounding::floor;
  bool rounds_by_direction = false;  ///< up where the dimension shrinks: opset 10
  float cubic_coefficient = -0.75f;
  bool exclude_outside = false;
};

Manner manner_of(NodeView& node) {
  Manner manner;
  manner.mode = node.text("mode", "nearest");
  const bool cubic = node.opset() >= 11;
  if (manner.mode != "nearest" && manner.mode != "linear" && !(cubic && manner.mode == "cubic")) {
    node.fail("has mode = \"" + manner.mode + "\"; nearest" + (cubic ? ", linear and cubic" : " and linear") +
              " are known");
  }
  if (node.opset() < 11) {
    manner.rounds_by_direction = node.opset() == 10;
    return manner;
  }
  const std::string coordinates = node.text("coordinate_transformation_mode", "half_pixel");
  const std::string rounding = node.text("nearest_mode", "round_prefer_floor");
  const auto known_coordinates = coordinates_named(coordinates);
  const auto known_rounding = rounding_named(rounding);
  if (!known_coordinates) {
    node.fail(
        "has coordinate_transformation_mode = \"" + coordinates + "\", which isn't supported",
        "supported are half_pixel, half_pixel_symmetric, pytorch_half_pixel, tf_half_pixel_for_nn, asymmetric and "
        "align_corners");
  }
  if (!known_rounding) {
    node.fail("has nearest_mode = \"" + rounding +
              "\"; round_prefer_floor, round_prefer_ceil, floor and ceil are known");
  }
  manner.coordinates = known_coordinates.value_or(Coordinates::half_pixel);
  manner.rounding = known_rounding.value_or(Rounding::floor);
  manner.cubic_coefficient = node.number("cubic_coeff_a", -0.75f);
  manner.exclude_outside = node.integer("exclude_outside", 0) != 0;
  if (node.opset() >= 18 && node.integer("antialias", 0) != 0) {
    node.fail("has antialias = 1, which isn't supported");
  }
  return manner;
}

/// Sizes as they were asked for. With a policy of keeping the aspect ratio, one scale for all of `which`.
void use_sizes(NodeView& node, const std::vector<int64_t>& sizes, const std::vector<size_t>& which,
               std::vector<ResizeAxis>& axes) {
  const std::string policy = node.opset() >= 18 ? node.text("keep_aspect_ratio_policy", "stretch") : "stretch";
  const bool smaller = policy == "not_larger";
  if (policy != "stretch" && policy != "not_smaller" && !smaller) {
    node.fail("has keep_aspect_ratio_policy = \"" + policy + "\"; stretch, not_larger and not_smaller are known");
    return;
  }
  // Their quotients must be numbers that sizes can be computed from.
  if (std::any_of(sizes.begin(), sizes.end(), [](int64_t size) { return size < 0 || size > int64_t{1} << 41; })) {
    node.fail("has sizes " + graph::shape_text(sizes) + ", which no memory holds");
    return;
  }
  float common = smaller ? INFINITY : 0;
  for (size_t i = 0; i < which.size(); ++i) {
    ResizeAxis& axis = axes[which[i]];
    axis.output = sizes[i];
    axis.scale = axis.input == axis.output ? 1 : static_cast<float>(axis.output) / static_cast<float>(axis.input);
    common = smaller ? std::min(common, axis.scale) : std::max(common, axis.scale);
  }
  if (policy == "stretch") return;
  for (const size_t d : which) {
    const float size = std::floor(common * static_cast<float>(axes[d].input) + 0.5f);
    axes[d].output = size < 0x1p41f ? static_cast<int64_t>(size) : int64_t{1} << 41;
    axes[d].scale = common;
  }
}

void use_scales(NodeView& node, const std::vector<float>& scales, const std::vector<size_t>& which,
                std::vector<ResizeAxis>& axes) {
  for (size_t i = 0; i < which.size(); ++i) {
    ResizeAxis& axis = axes[which[i]];
    axis.scale = scales[i];
    const float size = std::floor(axis.scale * static_cast<float>(axis.input));
    if (!(axis.scale > 0) || !(size < 0x1p41f)) {
      node.fail("scales axis " + std::to_string(which[i]) + " by " + std::to_string(axis.scale) +
                "; a positive number is expected, and a size that a memory holds");
      return;
    }
    axis.output = static_cast<int64_t>(size);
  }
}

std::vector<ResizeAxis> axes_of(NodeView& node) {
  const Type& input = node.input(0);
  const bool early = node.opset() < 11;
  std::vector<ResizeAxis> axes;
  for (const int64_t size : input.shape) axes.push_back({size, size, 1});
  std::vector<size_t> which;
  if (node.opset() >= 18 && node.has_attribute("axes")) {
    which = node.axes(node.integers("axes"), axes.size());
  } else {
    for (size_t d = 0; d < axes.size(); ++d) which.push_back(d);
  }
  // An empty tensor of scales stood for none before they could be left out.
  auto scales = node.constant_numbers(early ? 1 : 2);
  if (scales && scales->empty()) scales.reset();
  auto sizes = early ? std::nullopt : node.constant_integers(3);
  if (sizes && sizes->empty()) sizes.reset();
  if (node.ok() && axes.empty()) return axes;
  if (scales.has_value() == sizes.has_value()) {
    node.fail(early ? "lacks its scales" : "has both scales and sizes, or neither; one of them is expected");
  }
  if (!node.ok()) return axes;
  const size_t count = scales ? scales->size() : sizes->size();
  if (count != which.size()) {
    node.fail("has " + std::to_string(count) + (scales ? " scales" : " sizes") + " for " +
              std::to_string(which.size()) + " axes of " + describe(input));
  } else if (scales) {
    use_scales(node, *scales, which, axes);
  } else {
    use_sizes(node, *sizes, which, axes);
  }
  return axes;
}

std::unique_ptr<Operator> make_resize(NodeView& node) {
  ResizePlan plan = plan_resize(node);
  Type output{node.input(0).element, {}, nullptr};
  for (const ResizeAxis& axis : plan.axes) output.shape.push_back(axis.output);
  node.expect_sane(output);
  if (!node.ok()) return nullptr;
  const auto resized =
      std::count_if(plan.taps.begin(), plan.taps.end(), [](const auto& taps) { return taps.has_value(); });
  std::vector<Level> levels = levels_of(plan.axes, std::move(plan.taps));
  if (plan.nearest || resized == 0) return std::make_unique<Nearest>(std::move(output), std::move(levels));
  if (resized > static_cast<ptrdiff_t>(kMostResized)) {
    node.fail("interpolates along " + std::to_string(resized) + " axes; up to " + std::to_string(kMostResized) +
              " are possible");
    return nullptr;
  }
  return std::make_unique<Interpolate>(std::move(output), std::move(levels));
}

}  // namespace

ResizePlan plan_resize(NodeView& node) {
  const bool early = node.opset() < 11;
  if (node.node().op == "Upsample" && node.opset() > 9) {
    node.fail("is of an operator that opset " + std::to_string(node.opset()) + " doesn't have; Resize took its place");
  }
  node.expect_inputs(early ? 2 : 1, early ? 2 : 4);
  node.expect_outputs(1);
  const Type& input = node.input(0);
  const Manner manner = manner_of(node);
  ResizePlan plan;
  plan.nearest = manner.mode == "nearest";
  if (!plan.nearest) node.expect_element(0, ElementType::f32);
  if (!node.ok()) return plan;
  plan.axes = axes_of(node);
  plan.taps.resize(plan.axes.size());
  constexpr int64_t kLongest = 1 << 20;  // what tables are made for: far above any picture's sides
  for (size_t d = 0; d < plan.axes.size() && node.ok(); ++d) {
    const ResizeAxis& axis = plan.axes[d];
    if (!axis.resized()) continue;
    if (axis.input == 0 || std::max(axis.input, axis.output) > kLongest) {
      node.fail("resizes axis " + std::to_string(d) + " of " + describe(input) + " to " + std::to_string(axis.output) +
                "; sizes up to " + std::to_string(kLongest) + " are possible, and nothing is made from empty ones");
    } else if (plan.nearest) {
      const bool up = manner.rounds_by_direction && axis.scale < 1;
      plan.taps[d] = nearest_taps(axis, manner.coordinates, up ? Rounding::ceil : manner.rounding);
    } else if (manner.mode == "linear") {
      plan.taps[d] = linear_taps(axis, manner.coordinates);
    } else {
      plan.taps[d] = cubic_taps(axis, manner.coordinates, manner.cubic_coefficient, manner.exclude_outside);
    }
  }
  return plan;
}

void add_resize(Makers& makers) {
  makers["Resize"] = make_resize;
  makers["Upsample"] = make_resize;
}

}  // namespace sparsmith::ops

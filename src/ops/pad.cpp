// Pad: what is around a tensor, or less of it.
#include <algorithm>
#include <cstring>

#include "ops/registry.h"
#include "ops/short_floats.h"

namespace sparsmith::ops {
namespace {

using graph::ElementType;

enum class Mode { constant, reflect, edge, wrap };

/// One dimension: the part of the input that stays, and what is put in front of it and behind.
struct Axis {
  int64_t first = 0, count = 0;  ///< of the input, after what negative pads cut off
  int64_t before = 0, total = 0;
  int64_t input_size = 0;
  int64_t from_stride = 0, to_stride = 0;  ///< in bytes
};

/// The number, among those that stay, of the one to be found `at` places from their first; -1: none.
int64_t source(const Axis& axis, Mode mode, int64_t at) {
  if (at >= 0 && at < axis.count) return at;
  const auto modulo = [](int64_t x, int64_t n) { return (x % n + n) % n; };
  switch (mode) {
    case Mode::constant:
      break;
    case Mode::edge:
      return at < 0 ? 0 : axis.count - 1;
    case Mode::wrap:
      return modulo(at, axis.count);
    case Mode::reflect: {
      if (axis.count == 1) return 0;
      const int64_t there = modulo(at, 2 * axis.count - 2);
      return there < axis.count ? there : 2 * axis.count - 2 - there;
    }
  }
  return -1;
}

class Pad final : public Operator {
 public:
  Pad(Type output, std::vector<Axis> axes, Mode mode, int64_t element, std::vector<std::byte> value)
      : axes_(std::move(axes)), mode_(mode), element_(element), value_(std::move(value)) {
    outputs_ = {std::move(output)};
  }
  void run(std::span<const void* const> inputs, std::span<void* const> outputs) const override {
    if (outputs_[0].size() == 0) return;
    const bool given = inputs.size() > 2 && inputs[2] != nullptr;
    walk(0, static_cast<const std::byte*>(inputs[0]), static_cast<std::byte*>(outputs[0]),
         given ? static_cast<const std::byte*>(inputs[2]) : value_.data());
  }

 private:
  void walk(size_t d, const std::byte* from, std::byte* to, const std::byte* value) const {
    const Axis& axis = axes_[d];
    const bool last = d + 1 == axes_.size();
    const auto bytes = static_cast<size_t>(axis.to_stride);
    for (int64_t i = 0; i < axis.total; ++i) {
      const int64_t at = source(axis, mode_, i - axis.before);
      std::byte* const there = to + i * axis.to_stride;
      if (at < 0) {
        fill(there, bytes, value);
        continue;
      }
      const std::byte* const here = from + (axis.first + at) * axis.from_stride;
      if (!last) {
        walk(d + 1, here, there, value);
      } else if (i == axis.before && axis.count > 0) {
        std::memcpy(there, here, static_cast<size_t>(axis.count) * bytes);
        i += axis.count - 1;
      } else {
        std::memcpy(there, here, bytes);
      }
    }
  }
  void fill(std::byte* to, size_t bytes, const std::byte* value) const {
    const auto element = static_cast<size_t>(element_);
    std::memcpy(to, value, element);
    for (size_t done = element; done < bytes;) {
      const size_t more = std::min(done, bytes - done);
      std::memcpy(to + done, to, more);
      done += more;
    }
  }

  std::vector<Axis> axes_;
  Mode mode_;
  int64_t element_;
  std::vector<std::byte> value_;
};

Mode mode_of(NodeView& node) {
  const std::string mode = node.text("mode", "constant");
  if (mode == "constant") return Mode::constant;
  if (mode == "reflect") return Mode::reflect;
  if (mode == "edge") return Mode::edge;
  if (mode == "wrap" && node.opset() >= 19) return Mode::wrap;
  node.fail("has mode = \"" + mode + "\"; constant, reflect, edge and, since opset 19, wrap are known");
  return Mode::constant;
}

/// The element that surrounds unless an input says it.
std::vector<std::byte> value_of(NodeView& node, const Type& data) {
  std::vector<std::byte> bytes(static_cast<size_t>(graph::size_of(data.element)));
  if (node.opset() >= 11) {
    if (node.has(2) && (node.input(2).element != data.element || node.input(2).size() != 1)) {
      node.fail("has " + describe(node.input(2)) + " to surround " + describe(data) +
                "; one element of its type is expected");
    }
    return bytes;
  }
  const float value = node.number("value", 0);
  const double longer = value;
  const Half half = half_of(value);
  if (data.element == ElementType::f32) std::memcpy(bytes.data(), &value, sizeof value);
  if (data.element == ElementType::f64) std::memcpy(bytes.data(), &longer, sizeof longer);
  if (data.element == ElementType::f16) std::memcpy(bytes.data(), &half, sizeof half);
  return bytes;
}

/// Strides, and neighbouring dimensions that stay whole as one; at least one is left.
std::vector<Axis> joined(std::vector<Axis> axes, int64_t element) {
  std::vector<Axis> result;
  int64_t from = element, to = element;
  const auto whole = [](const Axis& axis) { return axis.total == axis.input_size && axis.count == axis.total; };
  for (size_t d = axes.size(); d-- > 0;) {
    Axis& axis = axes[d];
    axis.from_stride = from;
    axis.to_stride = to;
    from *= axis.input_size;
    to *= axis.total;
    if (whole(axis) && !result.empty() && whole(result.back())) {
      result.back().input_size *= axis.input_size;
      result.back().total = result.back().count = result.back().input_size;
    } else if (axis.total != 1 || !whole(axis)) {
      result.push_back(axis);
    }
  }
  if (result.empty()) result.push_back({0, 1, 0, 1, 1, element, element});
  // Elements of the innermost padded dimension are whole runs.
  if (result.size() > 1 && whole(result.front())) result.erase(result.begin());
  std::reverse(result.begin(), result.end());
  return result;
}

std::unique_ptr<Operator> make_pad(NodeView& node) {
  const bool attributes = node.opset() < 11;
  node.expect_inputs(attributes ? 1 : 2, attributes ? 1 : node.opset() < 18 ? 3 : 4);
  node.expect_outputs(1);
  const Type& data = node.input(0);
  const Mode mode = mode_of(node);
  const auto pads = node.integers_or_input("pads", 1, 11);
  const auto named = node.opset() >= 18 ? node.constant_integers(3) : std::nullopt;
  if (!pads) node.fail("lacks its pads");
  std::vector<std::byte> value = value_of(node, data);
  if (!node.ok()) return nullptr;
  const size_t rank = data.shape.size();
  std::vector<size_t> which;
  if (named) {
    which = node.axes(*named, rank);
  } else {
    for (size_t d = 0; d < rank; ++d) which.push_back(d);
  }
  if (pads->size() != 2 * which.size()) {
    node.fail("has " + std::to_string(pads->size()) + " pads; two for each of " + std::to_string(which.size()) +
              " axes are expected");
  }
  if (!node.ok()) return nullptr;

  std::vector<Axis> axes;
  for (const int64_t size : data.shape) axes.push_back({0, size, 0, size, size, 0, 0});
  std::vector<int64_t> shape = data.shape;
  for (size_t i = 0; i < which.size(); ++i) {
    const int64_t before = (*pads)[i], after = (*pads)[i + which.size()];
    constexpr int64_t kMost = int64_t{1} << 41;
    Axis& axis = axes[which[i]];
    if (std::min(before, after) < -kMost || std::max(before, after) > kMost ||
        axis.input_size + std::min<int64_t>(before, 0) + std::min<int64_t>(after, 0) < 0) {
      node.fail("puts " + std::to_string(before) + " in front of and " + std::to_string(after) + " behind axis " +
                std::to_string(which[i]) + " of " + describe(data) + ", which is impossible");
      return nullptr;
    }
    axis.first = std::max<int64_t>(-before, 0);
    axis.count = axis.input_size + std::min<int64_t>(before, 0) + std::min<int64_t>(after, 0);
    axis.before = std::max<int64_t>(before, 0);
    axis.total = axis.input_size + before + after;
    shape[which[i]] = axis.total;
    if (mode != Mode::constant && axis.count == 0 && axis.total > 0) {
      node.fail("repeats elements of axis " + std::to_string(which[i]) + " of " + describe(data) +
                ", of which none is left");
    }
  }
  Type output{data.element, std::move(shape), nullptr};
  node.expect_sane(output);
  if (!node.ok()) return nullptr;
  const int64_t element = graph::size_of(data.element);
  return std::make_unique<Pad>(std::move(output), joined(std::move(axes), element), mode, element, std::move(value));
}

}  // namespace

void add_pad(Makers& makers) { makers["Pad"] = make_pad; }

}  // namespace sparsmith::ops

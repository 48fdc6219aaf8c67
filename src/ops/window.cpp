#include "ops/window.h"

namespace sparsmith::ops {
namespace {

/// Of kernels, strides, dilations and pads: products of two, and of one with a size of memory, fit int64_t.
constexpr int64_t kMost = (int64_t{1} << 31) - 1;
constexpr int64_t kMostInput = int64_t{1} << 40;

int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }
int64_t ceil_div(int64_t a, int64_t b) { return a / b + (a % b > 0 ? 1 : 0); }

/// The multiples' range { i : first <= i * step + offset < last }, within [0, most).
Range range_of(int64_t first, int64_t last, int64_t offset, int64_t step, int64_t most) {
  Range range{first - offset, last - offset};
  if (step != 1) range = {ceil_div(range.first, step), ceil_div(range.last, step)};  // divisions are slow
  range.first = std::clamp<int64_t>(range.first, 0, most);
  range.last = std::clamp<int64_t>(range.last, range.first, most);
  return range;
}

/// A list attribute with one value for each of `count` entries, all within [least, kMost].
std::vector<int64_t> sizes_of(NodeView& node, const char* name, size_t count, int64_t least) {
  const std::vector<int64_t> values = node.integers(name, std::vector<int64_t>(count, least));
  if (values.size() != count) {
    node.fail(std::string("has ") + std::to_string(values.size()) + " values of " + name + "; " +
              std::to_string(count) + " are expected");
    return std::vector<int64_t>(count, least);
  }
  for (const int64_t value : values) {
    if (value < least || value > kMost) {
      node.fail(std::string("has ") + name + " " + graph::shape_text(values) + "; values from " +
                std::to_string(least) + " to " + std::to_string(kMost) + " are expected");
      return std::vector<int64_t>(count, least);
    }
  }
  return values;
}

/// Strides, dilations and pads as the node has them; output sizes and auto_pad are still to be applied.
std::optional<Windows> read_windows(NodeView& node, const std::vector<int64_t>& image,
                                    const std::vector<int64_t>& kernel) {
  if (!node.ok()) return std::nullopt;
  if (image.size() < 3 || image.size() > 5) {
    node.fail("works on an image of shape " + graph::shape_text(image) +
              "; [batch, channels] and one to three sizes are expected");
    return std::nullopt;
  }
  const size_t rank = image.size() - 2;
  if (kernel.size() != rank) {
    node.fail("has a kernel of shape " + graph::shape_text(kernel) + " for an image of shape " +
              graph::shape_text(image) + "; " + std::to_string(rank) + " sizes are expected");
    return std::nullopt;
  }
  const auto strides = sizes_of(node, "strides", rank, 1), dilations = sizes_of(node, "dilations", rank, 1);
  const auto pads = sizes_of(node, "pads", 2 * rank, 0);
  Windows windows;
  for (size_t i = 0; i < rank; ++i) {
    if (kernel[i] < 1 || kernel[i] > kMost) {
      node.fail("has a kernel of shape " + graph::shape_text(kernel) + "; sizes from 1 to " + std::to_string(kMost) +
                " are expected");
    }
    if (image[i + 2] < 0 || image[i + 2] > kMostInput) {
      node.fail("works on an image of shape " + graph::shape_text(image) + ", which is more than any memory holds");
    }
    windows[3 - rank + i] = {.input = image[i + 2],
                             .kernel = kernel[i],
                             .stride = strides[i],
                             .dilation = dilations[i],
                             .pad_begin = pads[i],
                             .pad_end = pads[i + rank]};
  }
  if (!node.ok()) return std::nullopt;
  return windows;
}

enum class Padding { explicit_pads, none, same_upper, same_lower };

Padding read_auto_pad(NodeView& node) {
  const std::string name = node.text("auto_pad", "NOTSET");
  if (name == "VALID") return Padding::none;
  if (name == "SAME_UPPER") return Padding::same_upper;
  if (name == "SAME_LOWER") return Padding::same_lower;
  if (name != "NOTSET") {
    node.fail("has auto_pad = \"" + name + "\"; NOTSET, VALID, SAME_UPPER and SAME_LOWER are known");
  }
  return Padding::explicit_pads;
}

}  // namespace

Range WindowAxis::taps_reading(int64_t window, int64_t first, int64_t last) const {
  return range_of(first, last, window * stride - pad_begin, dilation, kernel);
}
Range WindowAxis::windows_reading(int64_t tap, int64_t first, int64_t last) const {
  return range_of(first, last, tap * dilation - pad_begin, stride, output);
}

std::optional<Windows> sliding_windows(NodeView& node, const std::vector<int64_t>& image,
                                       const std::vector<int64_t>& kernel, bool ceil) {
  auto windows = read_windows(node, image, kernel);
  const Padding padding = read_auto_pad(node);
  if (!node.ok()) return std::nullopt;
  for (size_t i = 5 - image.size(); i < 3; ++i) {
    WindowAxis& axis = (*windows)[i];
    if (padding == Padding::none) axis.pad_begin = axis.pad_end = 0;
    if (padding == Padding::same_upper || padding == Padding::same_lower) {
      axis.output = ceil_div(axis.input, axis.stride);
      const int64_t total = std::max<int64_t>((axis.output - 1) * axis.stride + axis.span() - axis.input, 0);
      axis.pad_begin = padding == Padding::same_upper ? total / 2 : total - total / 2;
      axis.pad_end = total - axis.pad_begin;
      continue;
    }
    const int64_t room = axis.input + axis.pad_begin + axis.pad_end - axis.span();
    if (room < 0) {
      node.fail("has windows of " + std::to_string(axis.span()) + " elements (kernel and dilation) over " +
                std::to_string(axis.input) + " with pads " + std::to_string(axis.pad_begin) + " and " +
                std::to_string(axis.pad_end) + "; they must fit");
      return std::nullopt;
    }
    axis.output = (ceil ? ceil_div(room, axis.stride) : floor_div(room, axis.stride)) + 1;
    if (ceil && (axis.output - 1) * axis.stride >= axis.input + axis.pad_begin && axis.output > 1) --axis.output;
  }
  return windows;
}

std::optional<Windows> transposed_windows(NodeView& node, const std::vector<int64_t>& image,
                                          const std::vector<int64_t>& kernel) {
  auto windows = read_windows(node, image, kernel);
  const Padding padding = read_auto_pad(node);
  if (!node.ok()) return std::nullopt;
  const size_t rank = kernel.size();
  const auto extra = sizes_of(node, "output_padding", rank, 0);
  const bool sized = node.has_attribute("output_shape");
  const auto wanted = sized ? sizes_of(node, "output_shape", rank, 1) : std::vector<int64_t>(rank);
  for (size_t i = 0; node.ok() && i < rank; ++i) {
    WindowAxis& axis = (*windows)[3 - rank + i];
    axis.output = axis.input;
    if (axis.output > kMostInput / axis.stride) {
      node.fail("works on an image of shape " + graph::shape_text(image) + " with strides of " +
                std::to_string(axis.stride) + ", which would make more than any memory holds");
      break;
    }
    const bool same = padding == Padding::same_upper || padding == Padding::same_lower;
    const int64_t whole = (axis.output - 1) * axis.stride + axis.span() + extra[i];
    if (padding == Padding::none) axis.pad_begin = axis.pad_end = 0;
    if (sized || same) {
      // What is too much is cut off at both ends; the odd element as auto_pad says.
      const int64_t total = whole - (sized ? wanted[i] : axis.output * axis.stride);
      if (total < 0 && sized) {
        node.fail("has output_shape " + graph::shape_text(wanted) + "; at most " + std::to_string(whole) +
                  " elements come from " + std::to_string(axis.output));
        break;
      }
      const int64_t cut = std::max<int64_t>(total, 0);
      axis.pad_begin = padding == Padding::same_upper ? cut / 2 : cut - cut / 2;
      axis.pad_end = total - axis.pad_begin;
    }
    axis.input = whole - axis.pad_begin - axis.pad_end;
    if (axis.input < 0) {
      node.fail("cuts pads " + std::to_string(axis.pad_begin) + " and " + std::to_string(axis.pad_end) + " off " +
                std::to_string(whole) + " elements");
    }
  }
  return node.ok() ? windows : std::nullopt;
}

std::vector<int64_t> output_shape(const Windows& windows, const std::vector<int64_t>& image, int64_t channels) {
  std::vector<int64_t> shape{image[0], channels};
  for (size_t i = 5 - image.size(); i < 3; ++i) shape.push_back(windows[i].output);
  return shape;
}

}  // namespace sparsmith::ops

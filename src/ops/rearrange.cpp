// Operators that copy elements from one layout into another.
#include <algorithm>
#include <numeric>

#include "ops/broadcast.h"
#include "ops/registry.h"
#include "ops/strided_copy.h"

namespace sparsmith::ops {
namespace {

/// Copies between inputs and outputs, one after another.
class Rearrange final : public Operator {
 public:
  void make_output(const Type& like, std::vector<int64_t> shape) {
    outputs_.push_back(Type{like.element, std::move(shape), nullptr});
  }
  void copy(size_t input, size_t output, StridedCopy copy) { parts_.push_back({input, output, std::move(copy)}); }

  void run(std::span<const void* const> inputs, std::span<void* const> outputs) const override {
    for (const Part& part : parts_) {
      if (outputs[part.output] != nullptr) part.copy.run(inputs[part.input], outputs[part.output]);
    }
  }

 private:
  struct Part {
    size_t input, output;
    StridedCopy copy;
  };
  std::vector<Part> parts_;
};

/// Walks over an input in the order that its elements have in an output.
struct Grid {
  std::vector<CopyAxis> axes;
  void add(int64_t size, int64_t from) { axes.push_back({size, from, 0}); }
  /// The output is dense.
  const std::vector<CopyAxis>& into_dense() {
    int64_t stride = 1;
    for (size_t d = axes.size(); d-- > 0;) {
      axes[d].to = stride;
      stride *= axes[d].size;
    }
    return axes;
  }
};

/// An output of `shape` that is input 0 gone through by `grid`, which starts `offset` elements into it.
std::unique_ptr<Operator> rearranged(NodeView& node, std::vector<int64_t> shape, Grid grid, int64_t offset = 0) {
  const Type& input = node.input(0);
  node.expect_sane(Type{input.element, shape, nullptr});
  if (!node.ok()) return nullptr;
  auto made = std::make_unique<Rearrange>();
  made->make_output(input, std::move(shape));
  made->copy(0, 0, StridedCopy(graph::size_of(input.element), grid.into_dense(), offset));
  return made;
}

std::unique_ptr<Operator> make_transpose(NodeView& node) {
  node.expect_inputs(1, 1);
  node.expect_outputs(1);
  const Type& input = node.input(0);
  const size_t rank = input.shape.size();
  std::vector<int64_t> order(rank);
  std::iota(order.rbegin(), order.rend(), 0);
  order = node.integers("perm", order);
  auto sorted = order;
  std::sort(sorted.begin(), sorted.end());
  bool right = sorted.size() == rank;
  for (size_t d = 0; right && d < rank; ++d) right = sorted[d] == static_cast<int64_t>(d);
  if (!right) {
    node.fail("has perm = " + graph::shape_text(order) + "; an order of the " + std::to_string(rank) +
              " dimensions of its input is expected");
  }
  if (!node.ok()) return nullptr;
  const auto strides = dense_strides(input.shape);
  std::vector<int64_t> shape;
  Grid grid;
  for (const int64_t from : order) {
    shape.push_back(input.shape[static_cast<size_t>(from)]);
    grid.add(shape.back(), strides[static_cast<size_t>(from)]);
  }
  return rearranged(node, std::move(shape), std::move(grid));
}

/// A dense tensor seen as [outer, its sizes along an axis, inner].
struct AlongAxis {
  int64_t outer = 1, inner = 1;
  AlongAxis(const std::vector<int64_t>& shape, size_t axis) {
    for (size_t d = 0; d < axis; ++d) outer *= shape[d];
    for (size_t d = axis + 1; d < shape.size(); ++d) inner *= shape[d];
  }
  /// `size` of the axis, of tensors that have `from` and `to` along it.
  std::vector<CopyAxis> part(int64_t size, int64_t from, int64_t to) const {
    return {{outer, from * inner, to * inner}, {size * inner, 1, 1}};
  }
};

std::unique_ptr<Operator> make_concat(NodeView& node) {
  node.expect_inputs(1, SIZE_MAX);
  node.expect_outputs(1);
  const Type& first = node.input(0);
  if (!node.has_attribute("axis")) node.fail("lacks its attribute axis");
  const auto axis = static_cast<size_t>(node.axis(node.integer("axis", 0), first.shape.size()));
  if (!node.ok()) return nullptr;
  std::vector<int64_t> shape = first.shape;
  const size_t count = node.input_count();
  for (size_t i = 1; i < count; ++i) {
    const Type& input = node.input(i);
    auto rest = input.shape;
    if (rest.size() == shape.size()) rest[axis] = first.shape[axis];
    if (node.ok() && (rest != first.shape || input.element != first.element)) {
      node.fail("joins " + describe(first) + " and " + describe(input) + " along axis " + std::to_string(axis) +
                "; everything else must be equal");
    }
    // Sizes of sane tensors can be added; the sum is looked at each time.
    if (node.ok()) shape[axis] += input.shape[axis];
    node.expect_sane(Type{first.element, shape, nullptr});
    if (!node.ok()) return nullptr;
  }
  auto made = std::make_unique<Rearrange>();
  made->make_output(first, shape);
  const AlongAxis along(shape, axis);
  int64_t at = 0;
  for (size_t i = 0; i < count; ++i) {
    const int64_t size = node.input(i).shape[axis];
    made->copy(i, 0,
               StridedCopy(graph::size_of(first.element), along.part(size, size, shape[axis]), 0, at * along.inner));
    at += size;
  }
  return made;
}

/// The sizes of a Split's outputs.
std::vector<int64_t> split_sizes(NodeView& node, int64_t total) {
  const auto count = static_cast<int64_t>(node.node().outputs.size());
  const auto given = node.integers_or_input("split", 1, 13);
  if (node.opset() >= 18) {
    const int64_t wanted = node.integer("num_outputs", count);
    if (given && node.has_attribute("num_outputs"))
      node.fail("has both sizes and num_outputs; one of them is expected");
    if (wanted != count) {
      node.fail("has num_outputs = " + std::to_string(wanted) + " and " + std::to_string(count) + " outputs");
    }
  }
  if (!node.ok()) return {};
  std::vector<int64_t> sizes;
  if (given) {
    sizes = *given;
  } else {
    // Since 18 the last one may be smaller.
    const int64_t each = (total + count - 1) / count;
    sizes.assign(static_cast<size_t>(count), each);
    if (node.opset() >= 18) sizes.back() = total - each * (count - 1);
  }
  int64_t sum = 0;
  bool right = static_cast<int64_t>(sizes.size()) == count;
  for (const int64_t size : sizes) right = right && size >= 0 && !__builtin_add_overflow(sum, size, &sum);
  if (!right || sum != total) {
    node.fail("splits " + std::to_string(total) + " into " + graph::shape_text(sizes) + " for " +
              std::to_string(count) + " outputs; a size for each is expected, which add up to it");
  }
  return sizes;
}

std::unique_ptr<Operator> make_split(NodeView& node) {
  node.expect_inputs(1, node.opset() < 13 ? 1 : 2);
  node.expect_outputs(SIZE_MAX);
  const Type& input = node.input(0);
  const auto axis = static_cast<size_t>(node.axis(node.integer("axis", 0), input.shape.size()));
  if (!node.ok()) return nullptr;
  const std::vector<int64_t> sizes = split_sizes(node, input.shape[axis]);
  if (!node.ok()) return nullptr;
  auto made = std::make_unique<Rearrange>();
  const AlongAxis along(input.shape, axis);
  int64_t at = 0;
  for (size_t i = 0; i < sizes.size(); ++i) {
    auto shape = input.shape;
    shape[axis] = sizes[i];
    made->make_output(input, std::move(shape));
    made->copy(0, i,
               StridedCopy(graph::size_of(input.element), along.part(sizes[i], input.shape[axis], sizes[i]),
                           at * along.inner));
    at += sizes[i];
  }
  return made;
}

/// What a Slice takes of one dimension.
struct Range {
  int64_t start = 0, count = 0, step = 1;
};
Range sliced(int64_t size, int64_t start, int64_t end, int64_t step) {
  if (size == 0) return {};
  const bool forward = step > 0;
  const auto position = [&](int64_t at, int64_t least) {
    return std::clamp(at < 0 ? at + size : at, least, forward ? size : size - 1);
  };
  start = position(start, 0);
  end = position(end, forward ? 0 : -1);  // backwards, the end may be in front of the first
  const int64_t span = forward ? end - start : start - end;
  if (span <= 0) return {0, 0, 1};
  // Longer steps than the dimension are all alike.
  step = std::clamp(step, -size, size);
  return {start, (span - 1) / (forward ? step : -step) + 1, step};
}

std::unique_ptr<Operator> make_slice(NodeView& node) {
  const bool attributes = node.opset() < 10;
  node.expect_inputs(attributes ? 1 : 3, attributes ? 1 : 5);
  node.expect_outputs(1);
  const Type& input = node.input(0);
  const auto starts = node.integers_or_input("starts", 1, 10), ends = node.integers_or_input("ends", 2, 10);
  auto named = node.integers_or_input("axes", 3, 10);
  if (node.ok() && (!starts || !ends)) node.fail("lacks its starts or ends");
  if (!node.ok()) return nullptr;
  if (!named) {
    named.emplace(starts->size());
    std::iota(named->begin(), named->end(), 0);
  }
  const auto steps = attributes ? std::nullopt : node.constant_integers(4);
  const std::vector<size_t> axes = node.axes(*named, input.shape.size());
  if (starts->size() != axes.size() || ends->size() != axes.size() || (steps && steps->size() != axes.size())) {
    node.fail("has starts, ends, axes and steps of different lengths");
  }
  if (steps && std::find(steps->begin(), steps->end(), 0) != steps->end()) node.fail("has a step of 0");
  if (!node.ok()) return nullptr;

  std::vector<Range> ranges;
  for (const int64_t size : input.shape) ranges.push_back({0, size, 1});
  for (size_t i = 0; i < axes.size(); ++i) {
    ranges[axes[i]] = sliced(input.shape[axes[i]], (*starts)[i], (*ends)[i], steps ? (*steps)[i] : 1);
  }
  const auto strides = dense_strides(input.shape);
  std::vector<int64_t> shape;
  Grid grid;
  int64_t offset = 0;
  for (size_t d = 0; d < ranges.size(); ++d) {
    shape.push_back(ranges[d].count);
    grid.add(ranges[d].count, ranges[d].step * strides[d]);
    offset += ranges[d].start * strides[d];
  }
  return rearranged(node, std::move(shape), std::move(grid), offset);
}

std::unique_ptr<Operator> make_expand(NodeView& node) {
  node.expect_inputs(2, 2);
  node.expect_outputs(1);
  const Type& input = node.input(0);
  const auto wanted = node.constant_integers(1);
  if (!node.ok()) return nullptr;
  node.expect_sane(Type{input.element, *wanted, nullptr});
  if (!node.ok()) return nullptr;
  const std::vector<int64_t> shapes[] = {input.shape, *wanted};
  const auto shape = broadcast_shape(shapes);
  if (!shape) node.fail("can't stretch " + describe(input) + " to " + graph::shape_text(*wanted));
  if (!node.ok()) return nullptr;
  const auto strides = dense_strides(input.shape);
  const size_t missing = shape->size() - input.shape.size();
  Grid grid;
  for (size_t d = 0; d < shape->size(); ++d) {
    const bool own = d >= missing && input.shape[d - missing] != 1;
    grid.add((*shape)[d], own ? strides[d - missing] : 0);
  }
  return rearranged(node, *shape, std::move(grid));
}

std::unique_ptr<Operator> make_tile(NodeView& node) {
  node.expect_inputs(2, 2);
  node.expect_outputs(1);
  const Type& input = node.input(0);
  const auto repeats = node.constant_integers(1);
  if (!node.ok()) return nullptr;
  if (repeats->size() != input.shape.size()) {
    node.fail("has " + std::to_string(repeats->size()) + " repeats for " + describe(input) +
              "; one for each dimension is expected");
    return nullptr;
  }
  std::vector<int64_t> shape = input.shape;
  const auto strides = dense_strides(input.shape);
  Grid grid;
  for (size_t d = 0; d < shape.size(); ++d) {
    if ((*repeats)[d] < 0 || __builtin_mul_overflow(shape[d], (*repeats)[d], &shape[d])) {
      node.fail("can't repeat " + describe(input) + " " + graph::shape_text(*repeats) + " times");
      return nullptr;
    }
    grid.add((*repeats)[d], 0);
    grid.add(input.shape[d], strides[d]);
  }
  return rearranged(node, std::move(shape), std::move(grid));
}

/// The side of the blocks that DepthToSpace and SpaceToDepth move.
int64_t block_size(NodeView& node) {
  const int64_t block = node.integer("blocksize", 0);
  constexpr int64_t kMost = 2048;  // its square times any sane size is an int64
  if (block < 1 || block > kMost) {
    node.fail("has blocksize = " + std::to_string(block) + "; 1 to " + std::to_string(kMost) + " is possible");
  }
  return block;
}

std::unique_ptr<Operator> make_depth_to_space(NodeView& node) {
  node.expect_inputs(1, 1);
  node.expect_outputs(1);
  const Type& input = node.input_of_rank(0, 4);
  const int64_t block = block_size(node);
  const std::string mode = node.opset() < 11 ? "DCR" : node.text("mode", "DCR");
  if (mode != "DCR" && mode != "CRD") node.fail("has mode = \"" + mode + "\"; DCR and CRD are known");
  if (node.ok() && input.shape[1] % (block * block) != 0) {
    node.fail("makes blocks of " + std::to_string(block) + " x " + std::to_string(block) + " of " + describe(input) +
              ", whose channels don't divide by that");
  }
  if (!node.ok()) return nullptr;
  const auto& s = input.shape;
  const int64_t plane = s[2] * s[3], channels = s[1] / (block * block);
  const bool depth_first = mode == "DCR";
  const int64_t down = (depth_first ? block * channels : block) * plane;  // from one row of a block to the next
  const int64_t right = (depth_first ? channels : 1) * plane;
  Grid grid;
  grid.add(s[0], s[1] * plane);
  grid.add(channels, (depth_first ? 1 : block * block) * plane);
  grid.add(s[2], s[3]);
  grid.add(block, down);
  grid.add(s[3], 1);
  grid.add(block, right);
  return rearranged(node, {s[0], channels, s[2] * block, s[3] * block}, std::move(grid));
}

std::unique_ptr<Operator> make_space_to_depth(NodeView& node) {
  node.expect_inputs(1, 1);
  node.expect_outputs(1);
  const Type& input = node.input_of_rank(0, 4);
  const int64_t block = block_size(node);
  if (node.ok() && (input.shape[2] % block != 0 || input.shape[3] % block != 0)) {
    node.fail("takes blocks of " + std::to_string(block) + " x " + std::to_string(block) + " from " + describe(input) +
              ", which doesn't divide by that");
  }
  if (!node.ok()) return nullptr;
  const auto& s = input.shape;
  Grid grid;
  grid.add(s[0], s[1] * s[2] * s[3]);
  grid.add(block, s[3]);
  grid.add(block, 1);
  grid.add(s[1], s[2] * s[3]);
  grid.add(s[2] / block, block * s[3]);
  grid.add(s[3] / block, block);
  return rearranged(node, {s[0], s[1] * block * block, s[2] / block, s[3] / block}, std::move(grid));
}

}  // namespace

void add_rearrange(Makers& makers) {
  makers["Concat"] = make_concat;
  makers["DepthToSpace"] = make_depth_to_space;
  makers["Expand"] = make_expand;
  makers["Slice"] = make_slice;
  makers["SpaceToDepth"] = make_space_to_depth;
  makers["Split"] = make_split;
  makers["Tile"] = make_tile;
  makers["Transpose"] = make_transpose;
}

}  // namespace sparsmith::ops

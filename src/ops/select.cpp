// Operators that choose among the elements of a tensor.
#include <algorithm>
#include <cstring>

#include "ops/registry.h"

namespace sparsmith::ops {
namespace {

using graph::ElementType;

/// Rows of the input by number. Index counts from the end where negative.
template <class Index>
class Gather final : public Operator {
 public:
  Gather(const Type& data, const Type& indices, size_t axis) : count_(indices.size()), choices_(data.shape[axis]) {
    Type output{data.element, data.shape, nullptr};
    const auto at = output.shape.erase(output.shape.begin() + static_cast<std::ptrdiff_t>(axis));
    output.shape.insert(at, indices.shape.begin(), indices.shape.end());
    for (size_t d = 0; d < axis; ++d) outer_ *= data.shape[d];
    row_bytes_ = graph::size_of(data.element);
    for (size_t d = axis + 1; d < data.shape.size(); ++d) row_bytes_ *= data.shape[d];
    outputs_ = {std::move(output)};
  }
  void run(std::span<const void* const> inputs, std::span<void* const> outputs) const override {
    const auto* x = static_cast<const std::byte*>(inputs[0]);
    const auto* const indices = static_cast<const Index*>(inputs[1]);
    auto* y = static_cast<std::byte*>(outputs[0]);
    if (row_bytes_ == 0 || choices_ == 0) return;
    for (int64_t o = 0; o < outer_; ++o, x += choices_ * row_bytes_) {
      for (int64_t i = 0; i < count_; ++i, y += row_bytes_) {
        const auto index = static_cast<int64_t>(indices[i]);
        // What is out of range is the nearest that there is: it may come from data.
        const int64_t row = std::clamp<int64_t>(index < 0 ? index + choices_ : index, 0, choices_ - 1);
        std::memcpy(y, x + row * row_bytes_, static_cast<size_t>(row_bytes_));
      }
    }
  }

 private:
  int64_t outer_ = 1, count_, choices_, row_bytes_ = 0;
};

template <class Index>
std::unique_ptr<Operator> gather(NodeView& node, size_t axis) {
  const Type &data = node.input(0), &indices = node.input(1);
  const int64_t choices = data.shape[axis];
  if (choices == 0 && indices.size() > 0) node.fail("chooses along an axis of " + describe(data) + " that is empty");
  if (indices.constant != nullptr) {
    for (const Index index : indices.constant->as<Index>()) {
      if (index < choices && index >= -choices) continue;
      node.fail("chooses number " + std::to_string(index) + " along axis " + std::to_string(axis) + " of " +
                describe(data));
      break;
    }
  }
  // Dimensions are multiplied before make() sees them.
  std::vector<int64_t> sizes = data.shape;
  sizes[axis] = indices.size();
  node.expect_sane(Type{data.element, sizes, nullptr});
  if (!node.ok()) return nullptr;
  return std::make_unique<Gather<Index>>(data, indices, axis);
}

std::unique_ptr<Operator> make_gather(NodeView& node) {
  node.expect_inputs(2, 2);
  node.expect_outputs(1);
  const Type &data = node.input(0), &indices = node.input(1);
  const auto axis = static_cast<size_t>(node.axis(node.integer("axis", 0), data.shape.size()));
  if (!node.ok()) return nullptr;
  if (indices.element == ElementType::i64) return gather<int64_t>(node, axis);
  if (indices.element == ElementType::i32) return gather<int32_t>(node, axis);
  node.fail("has indices of " + describe(indices) + "; int64 or int32 is expected");
  return nullptr;
}

/// The triangle of each matrix above or below a diagonal; zero elsewhere.
class Trilu final : public Operator {
 public:
  Trilu(const Type& input, bool upper, int64_t diagonal) : upper_(upper), diagonal_(diagonal) {
    outputs_ = {Type{input.element, input.shape, nullptr}};
    columns_ = input.shape.back();
    rows_ = input.shape[input.shape.size() - 2];
    for (size_t d = 0; d + 2 < input.shape.size(); ++d) matrices_ *= input.shape[d];
    bytes_ = graph::size_of(input.element);
  }
  void run(std::span<const void* const> inputs, std::span<void* const> outputs) const override {
    if (columns_ == 0) return;
    const auto* x = static_cast<const std::byte*>(inputs[0]);
    auto* y = static_cast<std::byte*>(outputs[0]);
    const auto row_bytes = static_cast<size_t>(columns_ * bytes_);
    for (int64_t m = 0; m < matrices_; ++m) {
      for (int64_t r = 0; r < rows_; ++r, x += row_bytes, y += row_bytes) {
        // The first column above the diagonal, or behind it.
        const int64_t border = std::clamp<int64_t>(r + diagonal_ + (upper_ ? 0 : 1), 0, columns_);
        const auto left = static_cast<size_t>(border * bytes_);
        std::memcpy(y, x, row_bytes);
        if (upper_) {
          std::memset(y, 0, left);
        } else {
          std::memset(y + left, 0, row_bytes - left);
        }
      }
    }
  }

 private:
  bool upper_;
  int64_t diagonal_, matrices_ = 1, rows_ = 0, columns_ = 0, bytes_ = 0;
};

std::unique_ptr<Operator> make_trilu(NodeView& node) {
  node.expect_inputs(1, 2);
  node.expect_outputs(1);
  const Type& input = node.input(0);
  const auto diagonal = node.constant_integers(1);
  if (diagonal && diagonal->size() != 1) node.fail("has a k of several elements; one is expected");
  const bool upper = node.integer("upper", 1) != 0;
  if (node.ok() && input.shape.size() < 2) node.fail("has " + describe(input) + " as input; matrices are expected");
  if (!node.ok()) return nullptr;
  constexpr int64_t kFarthest = int64_t{1} << 41;  // beyond every sane matrix
  return std::make_unique<Trilu>(input, upper, diagonal ? std::clamp(diagonal->front(), -kFarthest, kFarthest) : 0);
}

}  // namespace

void add_select(Makers& makers) {
  makers["Gather"] = make_gather;
  makers["Trilu"] = make_trilu;
}

}  // namespace sparsmith::ops

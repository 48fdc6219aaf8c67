#include "ops/strided_copy.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace sparsmith::ops {
namespace {

/// Runs of one fixed length, which compilers make loads and stores of.
template <int64_t Bytes>
struct MoveFixed {
  void operator()(std::byte* to, const std::byte* from) const { std::memcpy(to, from, Bytes); }
};
struct MoveRun {
  int64_t bytes;
  void operator()(std::byte* to, const std::byte* from) const { std::memcpy(to, from, static_cast<size_t>(bytes)); }
};

}  // namespace

StridedCopy::StridedCopy(int64_t element_bytes, const std::vector<CopyAxis>& axes, int64_t from_offset,
                         int64_t to_offset)
    : run_bytes_(element_bytes), from_offset_(from_offset * element_bytes), to_offset_(to_offset * element_bytes) {
  std::vector<CopyAxis> joined;
  for (CopyAxis axis : axes) {
    if (axis.size == 0) empty_ = true;
    if (axis.size == 1) continue;
    axis.from *= element_bytes;
    axis.to *= element_bytes;
    // Neighbours that continue each other on both sides are one.
    if (!joined.empty() && joined.back().from == axis.size * axis.from && joined.back().to == axis.size * axis.to) {
      axis.size *= joined.back().size;
      joined.pop_back();
    }
    joined.push_back(axis);
  }
  if (empty_) return;
  if (!joined.empty() && joined.back().from == run_bytes_ && joined.back().to == run_bytes_) {
    run_bytes_ *= joined.back().size;
    joined.pop_back();
  }
  if (joined.empty()) return;
  columns_ = joined.back();
  joined.pop_back();
  // The rows of the squares are along the dimension that the source has closest together, so that a cache line of it is
  // used up while it is there.
  const auto nearest = std::min_element(joined.begin(), joined.end(), [](const CopyAxis& a, const CopyAxis& b) {
    return std::llabs(a.from) < std::llabs(b.from);
  });
  if (nearest != joined.end() && std::llabs(nearest->from) < std::llabs(columns_.from)) {
    rows_ = *nearest;
    joined.erase(nearest);
  } else if (!joined.empty()) {
    rows_ = joined.back();
    joined.pop_back();
  }
  outer_ = std::move(joined);
}

template <class Move>
void StridedCopy::walk(size_t axis, const std::byte* from, std::byte* to, const Move& move) const {
  if (axis < outer_.size()) {
    for (int64_t i = 0; i < outer_[axis].size; ++i) {
      walk(axis + 1, from + i * outer_[axis].from, to + i * outer_[axis].to, move);
    }
    return;
  }
  constexpr int64_t kSquare = 16;
  const bool by_squares = std::llabs(rows_.from) < std::llabs(columns_.from);
  const int64_t width = by_squares ? kSquare : columns_.size;
  for (int64_t r0 = 0; r0 < rows_.size; r0 += kSquare) {
    const int64_t r1 = std::min(r0 + kSquare, rows_.size);
    for (int64_t c0 = 0; c0 < columns_.size; c0 += width) {
      const int64_t c1 = std::min(c0 + width, columns_.size);
      for (int64_t r = r0; r < r1; ++r) {
        const std::byte* const row_from = from + r * rows_.from;
        std::byte* const row_to = to + r * rows_.to;
        for (int64_t c = c0; c < c1; ++c) move(row_to + c * columns_.to, row_from + c * columns_.from);
      }
    }
  }
}

void StridedCopy::run(const void* from, void* to) const {
  if (empty_) return;
  const std::byte* const x = static_cast<const std::byte*>(from) + from_offset_;
  std::byte* const y = static_cast<std::byte*>(to) + to_offset_;
  switch (run_bytes_) {
    case 1:
      return walk(0, x, y, MoveFixed<1>{});
    case 2:
      return walk(0, x, y, MoveFixed<2>{});
    case 4:
      return walk(0, x, y, MoveFixed<4>{});
    case 8:
      return walk(0, x, y, MoveFixed<8>{});
    case 16:
      return walk(0, x, y, MoveFixed<16>{});
    default:
      return walk(0, x, y, MoveRun{run_bytes_});
  }
}

std::vector<int64_t> dense_strides(const std::vector<int64_t>& shape) {
  std::vector<int64_t> strides(shape.size(), 1);
  for (size_t d = shape.size(); d-- > 1;) strides[d - 1] = strides[d] * shape[d];
  return strides;
}

}  // namespace sparsmith::ops

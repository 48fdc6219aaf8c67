/// \file
/// Copies between layouts: the mechanism of Transpose, Concat, Slice and all that only move elements.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sparsmith::ops {

/// A dimension that is gone through: how many elements, and how far apart they are on both sides.
struct CopyAxis {
  int64_t size = 0, from = 0, to = 0;
};

/// Copies the elements of a grid from one set of strides to another. Strides of the source may be zero or negative.
class StridedCopy {
 public:
  /// Axes from the outermost in; all in elements of `element_bytes`. No overflow is checked here: each size times its
  /// strides lies within a tensor that NodeView::expect_sane has seen.
  StridedCopy(int64_t element_bytes, const std::vector<CopyAxis>& axes, int64_t from_offset = 0, int64_t to_offset = 0);

  void run(const void* from, void* to) const;

 private:
  template <class Move>
  void walk(size_t axis, const std::byte* from, std::byte* to, const Move& move) const;

  std::vector<CopyAxis> outer_;  ///< in bytes from here on
  CopyAxis rows_{1, 0, 0};       ///< the two innermost, which are copied by squares
  CopyAxis columns_{1, 0, 0};
  int64_t run_bytes_ = 0;  ///< what is contiguous on both sides
  int64_t from_offset_ = 0, to_offset_ = 0;
  bool empty_ = false;
};

/// Strides in elements of a tensor in C order.
std::vector<int64_t> dense_strides(const std::vector<int64_t>& shape);

}  // namespace sparsmith::ops

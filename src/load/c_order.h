/// \file
/// From Fortran order, in which numpy may save arrays, to C order.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

namespace sparsmith::load {

/// Copies elements from Fortran order (first index fastest) to C order.
template <class T>
std::vector<T> to_c_order(std::span<const T> source, std::span<const int64_t> shape) {
  std::vector<T> out(source.size());
  if (shape.size() == 2) {
    // In square blocks, so that neither side walks a new cache line for every element.
    constexpr int64_t kBlock = 32;
    const int64_t rows = shape[0], cols = shape[1];
    for (int64_t c0 = 0; c0 < cols; c0 += kBlock) {
      for (int64_t r0 = 0; r0 < rows; r0 += kBlock) {
        for (int64_t c = c0; c < std::min(cols, c0 + kBlock); ++c) {
          for (int64_t r = r0; r < std::min(rows, r0 + kBlock); ++r) {
            out[static_cast<size_t>(r * cols + c)] = source[static_cast<size_t>(c * rows + r)];
          }
        }
      }
    }
    return out;
  }
  std::vector<int64_t> stride(shape.size(), 1);  // in C order, elements
  for (size_t d = shape.size(); d-- > 1;) stride[d - 1] = stride[d] * shape[d];
  std::vector<int64_t> index(shape.size(), 0);
  int64_t target = 0;
  for (const T value : source) {
    out[static_cast<size_t>(target)] = value;
    for (size_t d = 0; d < shape.size(); ++d) {
      target += stride[d];
      if (++index[d] < shape[d]) break;
      target -= stride[d] * shape[d];
      index[d] = 0;
    }
  }
  return out;
}

}  // namespace sparsmith::load

/// \file
/// The few loops that whole networks may spend their time in where nothing was compiled for them, at the machine's own
/// vector width.
#pragma once

#include <cstdint>

namespace sparsmith::ops {

struct VectorMath {
  static constexpr int64_t kMostRows = 8, kMostColumns = 32;

  int64_t rows, columns;  ///< of a tile
  /// y += a * b of one tile, of which `wanted_rows` and `wanted_columns` are there: element (r, k) of a is
  /// a[r][k * a_stride], b is [depth][columns] on 64-byte lines, rows of y are y_stride apart.
  void (*multiply)(const float* const* a, int64_t a_stride, const float* b, int64_t depth, float* y, int64_t y_stride,
                   int64_t wanted_rows, int64_t wanted_columns);
  /// y = e^(x - largest), whose sum it returns; the largest of what isn't NaN.
  double (*exponentials)(const float* x, int64_t count, float* y, float& largest);
};

/// In vectors of 16, 8 or 4 floats; null where this CPU lacks them.
const VectorMath* vector_math(int width);
/// In the widest there are.
const VectorMath& vector_math();

}  // namespace sparsmith::ops

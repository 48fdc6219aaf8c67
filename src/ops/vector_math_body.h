// Loops for one vector width: vector_math.cpp includes this once for each, inside a namespace of its own, with
// SPARSMITH_TARGET, kWidth (floats of a vector), kRows and kVectors (of a tile of sums, which registers hold). Not a
// header.

#include "math/vector_body.h"

using Loose [[gnu::vector_size(kWidth * sizeof(float)), gnu::aligned(sizeof(float)), gnu::may_alias]] = float;

SPARSMITH_TARGET static void multiply(const float* const* a, int64_t a_stride, const float* b, int64_t depth, float* y,
                                      int64_t y_stride, int64_t wanted_rows, int64_t wanted_columns) {
  Vector sums[kRows][kVectors] = {};
  const auto* panel = reinterpret_cast<const Vector*>(b);
  for (int64_t k = 0; k < depth; ++k, panel += kVectors) {
    SPARSMITH_UNROLL
    for (int64_t r = 0; r < kRows; ++r) {
      const float factor = a[r][k * a_stride];
      SPARSMITH_UNROLL
      for (int64_t v = 0; v < kVectors; ++v) sums[r][v] += panel[v] * factor;
    }
  }
  alignas(64) float tile[kRows][kVectors * kWidth];
  SPARSMITH_UNROLL
  for (int64_t r = 0; r < kRows; ++r) {
    SPARSMITH_UNROLL
    for (int64_t v = 0; v < kVectors; ++v) *reinterpret_cast<Vector*>(&tile[r][v * kWidth]) = sums[r][v];
  }
  for (int64_t r = 0; r < wanted_rows; ++r, y += y_stride) {
    for (int64_t j = 0; j < wanted_columns; ++j) y[j] += tile[r][j];
  }
}

SPARSMITH_TARGET static double exponentials(const float* x, int64_t count, float* y, float& largest) {
  constexpr int64_t kStep = 4 * kWidth, kBlock = 16 * kStep;  // lanes add up few floats before double takes over
  Vector lanes[4];
  for (Vector& lane : lanes) lane = Vector{} - INFINITY;
  int64_t i = 0;
  for (; i + kStep <= count; i += kStep) {
    for (int64_t v = 0; v < 4; ++v) {
      const Vector next = *reinterpret_cast<const Loose*>(x + i + v * kWidth);
      lanes[v] = next > lanes[v] ? next : lanes[v];
    }
  }
  for (int64_t v = 1; v < 4; ++v) lanes[0] = lanes[v] > lanes[0] ? lanes[v] : lanes[0];
  float most = lanes[0][0];
  for (int64_t l = 1; l < kWidth; ++l) most = std::max(most, lanes[0][l]);
  for (; i < count; ++i) most = x[i] > most ? x[i] : most;
  largest = most;
  for (i = 0; i < count; i += kWidth) {
    Vector some = {};
    const int64_t wanted = std::min(kWidth, count - i);
    if (wanted == kWidth) {
      some = *reinterpret_cast<const Loose*>(x + i);
    } else {
      for (int64_t l = 0; l < wanted; ++l) some[l] = x[i + l];
    }
    some -= most;
    exponential(some);
    if (wanted == kWidth) {
      *reinterpret_cast<Loose*>(y + i) = some;
    } else {
      for (int64_t l = 0; l < wanted; ++l) y[i + l] = some[l];
    }
  }
  double sum = 0;
  for (i = 0; i + kStep <= count;) {
    for (Vector& lane : lanes) lane = Vector{};
    for (const int64_t end = std::min(i + kBlock, count); i + kStep <= end; i += kStep) {
      for (int64_t v = 0; v < 4; ++v) lanes[v] += *reinterpret_cast<const Loose*>(y + i + v * kWidth);
    }
    const Vector all = (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
    for (int64_t l = 0; l < kWidth; ++l) sum += static_cast<double>(all[l]);
  }
  for (; i < count; ++i) sum += static_cast<double>(y[i]);
  return sum;
}

constexpr VectorMath kMath{kRows, kVectors* kWidth, multiply, exponentials};

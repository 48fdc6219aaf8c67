/// \file
/// Where a value's elements lie between two steps.
#pragma once

#include <cstdint>
#include <string>

#include "ops/operator.h"
#include "sparsmith/problem.h"
#include "sparsmith/result.h"
#include "sparsmith/strip.h"

namespace sparsmith::model {

struct Format {
  enum class Kind : uint8_t {
    plain,    ///< C order, of any element type
    columns,  ///< [..., K] transposed: [K, rows], row-major; of one row the same as plain
    panels,   ///< [..., K]: [ceil(rows / 16)][K][16], the lanes are rows (panel.h)
    grid,     ///< an image in strips without overlap (strip.h): what a spatial convolution or a product made
    strips,   ///< an image as the X of a spatial convolution, complete with halo and zeros
  };
  Kind kind = Kind::plain;
  StripGrid grid;  ///< of `grid`
  Conv2d conv;     ///< of `strips`; without groups and with OIHW weights, which say nothing about X

  static Format of(Kind kind) { return {.kind = kind, .grid = {}, .conv = {}}; }
  static Format of(const StripGrid& grid) { return {.kind = Kind::grid, .grid = grid, .conv = {}}; }
  static Format of(Conv2d conv);
  bool operator==(const Format&) const = default;
};
std::string describe(const Format& format);

/// A value as products see it: [rows, last] of shape[..., last].
int64_t last_of(const ops::Type& type);
int64_t rows_of(const ops::Type& type);

/// Bytes of a value in the format. bad_input: it can't lie so.
Result<int64_t> bytes_of(const Format& format, const ops::Type& type);

/// The grid in which kernels see a value, and where: a `grid` as it is, of `strips` the interior. Nothing where that
/// isn't all of it.
std::optional<StripInterior> interior_of(const Format& format);

/// Whether convert() can.
bool convertible(const Format& from, const Format& to);

/// Copies a value from one format to another; buffers of bytes_of() each, no overlap.
Status convert(const ops::Type& type, const Format& from, const void* source, const Format& to, void* target,
               int threads = 1, const ParallelFor* parallel = nullptr);

}  // namespace sparsmith::model

/// \file
/// KernelImage: everything that code generation makes for one pattern and problem, before it is mapped, and the form in
/// which caches and artifacts keep it. Plain data; no LLVM.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sparsmith/plan.h"
#include "sparsmith/problem.h"

namespace sparsmith {

/// What the generated code is called with, one pointer in the first argument register. One call computes one tile of
/// rows, for one block of K, over `passes` groups of panels. Pointers are to the block's first panel, row 0.
///
/// Code of the vector form reads X as lines of 16 floats, line w * columns + u being window w of the pass's u-th
/// column, and Y (from which it starts) and the residual as lines s * columns + u, slice s of rows in the order of
/// rows_by_count; lines lie on multiples of 64 bytes. Its `single` entry computes one column. With 8 lanes, or
/// a window_step of 1, X is columns of lane_column_floats(K) floats (pattern/row_order.h), zeros behind K; with 8 lanes
/// slices have 8 rows, in the first half of their lines.
struct EntryArgs {
  const float* x;                 ///< panels of X, row 0 of K (also for later k-blocks: code adds its own offset)
  float* y;                       ///< row Segment::first_row of Y (the code adds its rows' offsets from there)
  const float* values;            ///< Segment::value_offset already added
  const float* residual;          ///< like y, or null
  int64_t passes;                 ///< >= 1; a pass computes the entry's panels_per_pass panels
  int64_t x_panel_stride;         ///< bytes from panel to panel
  int64_t y_panel_stride;         ///< bytes; 64 for plain Y
  int64_t y_row_stride;           ///< bytes; read only by code made for plain Y
  int64_t residual_panel_stride;  ///< bytes
  int64_t residual_row_stride;    ///< bytes; read only by code made for plain Y
  int64_t x_row_stride;           ///< bytes; read only by code that reads X in place (Schedule::direct_x)
  const uint8_t* indices;         ///< Segment::index_offset already added; read only by code of the compact form
};
using Entry = void (*)(const EntryArgs*);

/// Code for one (tile, k-block). `main` computes Schedule::panels_per_pass panels a pass, `single` one; equal offsets
/// when panels_per_pass is 1. Segments of the compact form share code, and their `single` computes `passes` panels,
/// fewer than panels_per_pass, in one pass. So do those of the dense form with as many rows, so that their
/// code stays in L1I, decoded (512x512, N = 224, tiles of 8x3 with k-blocks of 128: 834 to 675 us).
struct Segment {
  uint32_t main_offset = 0;    ///< bytes into code
  uint32_t single_offset = 0;  ///< bytes into code
  uint32_t value_offset = 0;   ///< floats into packed values
  uint32_t tile = 0;           ///< tiles are independent of each other
  uint32_t k_block = 0;        ///< of one tile, k-blocks run in ascending order
  uint32_t rows = 0;           ///< rows of Y in the tile
  uint32_t index_offset = 0;   ///< bytes into indices; 0 where there are none
  uint32_t first_row = 0;      ///< of Y and the residual, where code that tiles share begins to count; else 0
  bool operator==(const Segment&) const = default;
};

/// Where a packed value comes from: kind in the top 4 bits, index in the low 28.
enum class ValueKind : uint32_t { weight, bias, row_scale, prelu_slope, alpha, lo, hi, zero, literal, beta };
struct ValueSource {
  uint32_t bits = 0;
  static ValueSource make(ValueKind kind, uint32_t index) { return {static_cast<uint32_t>(kind) << 28 | index}; }
  ValueKind kind() const { return static_cast<ValueKind>(bits >> 28); }
  uint32_t index() const { return bits & 0x0fffffff; }  ///< CSR index of a weight, row of a parameter, literal number
};
/// Constants an epilogue may name by literal index.
enum Literal : uint32_t { kThree, kSix, kSixth, kOne };
inline constexpr float kLiterals[] = {3.0f, 6.0f, 1.0f / 6.0f, 1.0f};

/// Code for calls of few columns, beside the code that serves all calls.
struct Variant {
  int64_t most_columns = 0;  ///< serves calls of at most so many
  Schedule schedule;
  std::vector<Segment> segments;  ///< as KernelImage::segments
};

struct KernelImage {
  std::string symbol;  ///< sparsmith_<name>_<M>x<K>_d<percent>_...
  std::string target;  ///< Target::to_string()
  int64_t m = 0, k = 0;
  Problem problem;
  Plan plan;
  std::vector<int64_t> row_offsets;  ///< the pattern, for update_values, disasm and explain
  std::vector<int32_t> columns;
  std::vector<Segment> segments;           ///< by k_block, then tile: the order to run in within an n-block
  std::vector<Variant> variants;           ///< by most_columns, ascending; a call takes the first that serves it
  std::vector<ValueSource> value_sources;  ///< one per packed value; every variant's segments have values of their own
  std::vector<uint8_t> code;               ///< position independent; starts on a 64-byte line
  std::vector<uint8_t> indices;            ///< index streams of the compact form (compact_stream.h); else empty
  std::vector<float> values;               ///< packed values in artifacts; empty in cache entries
};

/// Raised with every change of the serialised form, of EntryArgs or of what code expects of the runtime.
inline constexpr uint32_t kImageFormat = 1;

}  // namespace sparsmith

/// \file
/// The inner loops of packing, in the widest vectors this CPU has.
#pragma once

#include <cstdint>

namespace sparsmith {

/// The columns of one panel as at most two runs side by side in memory: lanes [0, first_lanes) from `first`, the next
/// second_lanes from `second`, the rest padding. Rows are row_stride floats apart in both.
template <class Pointer>
struct PanelPieces {
  Pointer first = nullptr;
  Pointer second = nullptr;
  int first_lanes = 0;
  int second_lanes = 0;
};

/// One implementation of all loops. A panel is `rows` lines of 16 floats; panels of one call follow each other.
struct PanelCopy {
  /// `count` panels that are all side by side in memory.
  void (*pack_full)(const float* source, int64_t row_stride, int64_t rows, int64_t count, float* panels);
  void (*unpack_full)(const float* panels, int64_t rows, int64_t count, float* target, int64_t row_stride);
  /// One panel of two pieces; packing clears the other lanes.
  void (*pack_pieces)(const PanelPieces<const float*>& pieces, int64_t row_stride, int64_t rows, float* panel);
  void (*unpack_pieces)(const float* panel, int64_t rows, const PanelPieces<float*>& pieces, int64_t row_stride);
  /// One panel whose lane l < lanes lies at source[offsets[l]]; all 16 offsets are readable numbers. Clears the others.
  void (*gather)(const float* source, const int64_t* offsets, int lanes, int64_t row_stride, int64_t rows,
                 float* panel);
  /// The reverse of gather.
  void (*scatter)(const float* panel, int64_t rows, const int64_t* offsets, int lanes, float* target,
                  int64_t row_stride);
};

extern const PanelCopy kPortablePanelCopy;
#if defined(__x86_64__)
extern const PanelCopy kAvx2PanelCopy;
extern const PanelCopy kAvx512PanelCopy;
#endif

/// The fastest of them that this CPU runs.
const PanelCopy& panel_copy();

}  // namespace sparsmith

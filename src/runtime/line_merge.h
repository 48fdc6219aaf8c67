/// \file
/// Lines of strips put together from lanes of others, in the widest vectors this CPU has.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace sparsmith {

/// Lanes taken from a position: lane l of a line, where bit l of `lanes` is set, is lane from[l] of the source's.
struct LineSource {
  const float* lines = nullptr;  ///< [channels][16]
  std::array<uint8_t, 16> from{};
  uint16_t lanes = 0;
};

struct LineMerge {
  /// to[channel * 16 + l]; lanes that no source has are zero. `to` is no source.
  void (*merge)(std::span<const LineSource> sources, int64_t channels, float* to);
  /// Zeros to the lanes whose bits are set.
  void (*clear)(uint16_t lanes, int64_t channels, float* lines);
};

extern const LineMerge kPortableLineMerge;
#if defined(__x86_64__)
extern const LineMerge kAvx2LineMerge;
extern const LineMerge kAvx512LineMerge;
#endif

/// The fastest of them that this CPU runs.
const LineMerge& line_merge();

}  // namespace sparsmith

/// \file
/// The inner loops of packing strips, in the widest vectors this CPU has.
#pragma once

#include <array>
#include <cstdint>

namespace sparsmith {

/// One row of positions: lane l has pixels at positions [begin, end), position x of it offset + x floats into a
/// channel. (The offset alone may lie before the channel.)
struct StripLanes {
  std::array<int64_t, 16> begin{}, end{}, offset{};
};

/// `count` positions of a row, all channels: strips[(x * channels + c) * 16 + l] <-> plane c [offset[l] + x]. Planes
/// are plane_stride floats apart. Packing clears what lanes don't have; unpacking passes over it.
struct StripCopy {
  void (*pack_row)(const StripLanes& lanes, int64_t count, int64_t channels, const float* planes, int64_t plane_stride,
                   float* strips);
  void (*unpack_row)(const StripLanes& lanes, int64_t count, int64_t channels, const float* strips, float* planes,
                     int64_t plane_stride);
};

extern const StripCopy kPortableStripCopy;
#if defined(__x86_64__)
extern const StripCopy kAvx512StripCopy;
#endif

/// The fastest of them that this CPU runs.
const StripCopy& strip_copy();

}  // namespace sparsmith

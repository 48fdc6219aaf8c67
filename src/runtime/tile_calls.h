/// \file
/// Calls of generated code: tiles over runs of panels, in the schedule's order.
#pragma once

#include <algorithm>
#include <cstdint>

#include "runtime/launch.h"

namespace sparsmith {

/// Neighbouring panels that one call can walk: EntryArgs without values and passes.
struct Run {
  EntryArgs args{};
  int64_t count = 0;  ///< panels
};

/// One segment over `count` panels of the run, from its panel `panel` on.
void call_segment(const Launch& kernel, const Segment& segment, const Run& run, int64_t panel, int64_t count);

/// Asks for a segment's code and values, to be in L2 when it is called.
void prefetch_segment(const Launch& kernel, size_t index);

/// Tiles [first_tile, last_tile) over all runs; for_each_run(visit) calls visit(const Run&) for each of them, and may
/// be asked again and again.
template <class ForEachRun>
void compute_tiles(const Launch& kernel, int64_t first_tile, int64_t last_tile, const ForEachRun& for_each_run) {
  const int64_t group = kernel.schedule.tile_group, inner = kernel.schedule.inner_panels;
  if (group == 0) {
    for (size_t i = 0; i < kernel.segments.size(); ++i) {
      const Segment& segment = kernel.segments[i];
      if (segment.tile < first_tile || segment.tile >= last_tile) continue;
      if (kernel.code_bytes > 0 && i + 1 < kernel.segments.size()) prefetch_segment(kernel, i + 1);
      for_each_run([&](const Run& run) { call_segment(kernel, segment, run, 0, run.count); });
    }
    return;
  }
  // Segments come by k-block, then tile, every tile in every k-block.
  const auto segments = static_cast<int64_t>(kernel.segments.size());
  for (int64_t tile = first_tile; tile < last_tile; tile += group) {
    const int64_t end = std::min(tile + group, last_tile);
    for_each_run([&](const Run& run) {
      for (int64_t p = 0; p < run.count; p += inner) {
        for (int64_t k_block = 0; k_block < segments; k_block += kernel.tiles) {
          for (int64_t t = tile; t < end; ++t) {
            const Segment& segment = kernel.segments[static_cast<size_t>(k_block + t)];
            call_segment(kernel, segment, run, p, std::min(inner, run.count - p));
          }
        }
      }
    });
  }
}

}  // namespace sparsmith

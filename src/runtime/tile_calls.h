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
  int64_t parts = 1;  ///< calls for the columns of a panel, each of so many as the code has lanes
};

/// One segment over `count` panels of the run, from its panel `panel` on.
void call_segment(const Launch& kernel, const Segment& segment, const Run& run, int64_t panel, int64_t count);

/// Asks for the code and values of segment number `index` as data; nothing when there is no such segment.
void prefetch_segment(const Launch& kernel, int64_t index);

/// Tiles [first_tile, last_tile) over all runs; for_each_run(visit) calls visit(const Run&) for each of them, and may
/// be asked again and again. `fresh`: the call comes to these tiles for the first time.
template <class ForEachRun>
void compute_tiles(const Launch& kernel, int64_t first_tile, int64_t last_tile, bool fresh,
                   const ForEachRun& for_each_run) {
  const int64_t group = kernel.schedule.tile_group, inner = kernel.schedule.inner_panels;
  // The dense form's code fetches the next tile's values itself, line by line.
  const bool prefetch = kernel.schedule.form != Form::dense &&
                        ((fresh && kernel.schedule.prefetch_code) || (group == 0 && kernel.beyond_l2));
  // Segments come by k-block, then tile, every tile in every k-block. After the last tile of a range its first follows,
  // in the next k-block.
  const auto all = static_cast<int64_t>(kernel.segments.size());
  const auto prefetch_after = [&](int64_t k_block, int64_t tile, int64_t first, int64_t end) {
    prefetch_segment(kernel, tile + 1 < end ? k_block + tile + 1 : k_block + kernel.tiles + first);
  };
  if (prefetch) prefetch_segment(kernel, first_tile);
  if (group == 0) {
    for (int64_t index = 0; index < all; ++index) {
      const Segment& segment = kernel.segments[static_cast<size_t>(index)];
      if (segment.tile < first_tile || segment.tile >= last_tile) continue;
      if (prefetch) prefetch_after(index - segment.tile, segment.tile, first_tile, last_tile);
      for_each_run([&](const Run& run) { call_segment(kernel, segment, run, 0, run.count); });
    }
    return;
  }
  for (int64_t tile = first_tile; tile < last_tile; tile += group) {
    const int64_t end = std::min(tile + group, last_tile);
    bool first_pass = prefetch;
    for_each_run([&](const Run& run) {
      for (int64_t p = 0; p < run.count; p += inner, first_pass = false) {
        for (int64_t k_block = 0; k_block < all; k_block += kernel.tiles) {
          for (int64_t t = tile; t < end; ++t) {
            if (first_pass) prefetch_after(k_block, t, tile, end);
            const Segment& segment = kernel.segments[static_cast<size_t>(k_block + t)];
            call_segment(kernel, segment, run, p, std::min(inner, run.count - p));
          }
        }
      }
    });
  }
}

}  // namespace sparsmith

#include "runtime/tile_calls.h"

#include <algorithm>

namespace sparsmith {
namespace {

template <class T>
T* advance(T* pointer, int64_t bytes) {
  return pointer + bytes / static_cast<int64_t>(sizeof(float));
}

void skip_columns(EntryArgs& args, int64_t columns) {
  args.x += columns;
  args.y += columns;
  if (args.residual != nullptr) args.residual += columns;
}

void skip_panels(EntryArgs& args, int64_t panels) {
  args.x = advance(args.x, panels * args.x_panel_stride);
  args.y = advance(args.y, panels * args.y_panel_stride);
  if (args.residual != nullptr) args.residual = advance(args.residual, panels * args.residual_panel_stride);
}

void call_passes(const Launch& kernel, const Segment& segment, EntryArgs& args, int64_t count) {
  const int64_t pass = kernel.schedule.panels_per_pass;
  const int64_t rest = count % pass;
  if (const int64_t passes = count / pass; passes > 0) {
    args.passes = passes;
    kernel.caller.call(kernel.caller.context, segment, false, args);
    skip_panels(args, passes * pass);
  }
  if (rest > 0) {
    args.passes = rest;
    kernel.caller.call(kernel.caller.context, segment, true, args);
  }
}

// To the second-level cache: code beside the data of the first would push that out.
void prefetch(const uint8_t* base, int64_t begin, int64_t end) {
  constexpr int64_t kCacheLine = 64;
  for (int64_t at = begin; at < end; at += kCacheLine) __builtin_prefetch(base + at, 0, 2);
}

}  // namespace

void prefetch_segment(const Launch& kernel, int64_t index) {
  const auto all = static_cast<int64_t>(kernel.segments.size());
  if (index >= all) return;
  const Segment& segment = kernel.segments[static_cast<size_t>(index)];
  const Segment* const after = index + 1 < all ? &segment + 1 : nullptr;
  const auto code_bytes = static_cast<int64_t>(kernel.code.size());
  prefetch(kernel.code.data(), segment.main_offset,
           std::min(code_bytes, after ? int64_t{after->main_offset} : code_bytes));
  prefetch(reinterpret_cast<const uint8_t*>(kernel.values), int64_t{4} * segment.value_offset,
           4 * std::min(kernel.value_count, after ? int64_t{after->value_offset} : kernel.value_count));
}

void call_segment(const Launch& kernel, const Segment& segment, const Run& run, int64_t panel, int64_t count) {
  EntryArgs args = run.args;
  args.values = kernel.values + segment.value_offset;
  args.indices = kernel.indices + segment.index_offset;
  args.y = advance(args.y, segment.first_row * args.y_row_stride);
  if (args.residual != nullptr) args.residual = advance(args.residual, segment.first_row * args.residual_row_stride);
  if (panel > 0) skip_panels(args, panel);
  const EntryArgs panels = args;
  for (int64_t part = 0; part < run.parts; ++part) {
    if (part > 0) {
      args = panels;
      skip_columns(args, part * kernel.schedule.lanes);
    }
    call_passes(kernel, segment, args, count);
  }
}

}  // namespace sparsmith

#include "runtime/tile_calls.h"

namespace sparsmith {
namespace {

template <class T>
T* advance(T* pointer, int64_t bytes) {
  return pointer + bytes / static_cast<int64_t>(sizeof(float));
}

void skip_panels(EntryArgs& args, int64_t panels) {
  args.x = advance(args.x, panels * args.x_panel_stride);
  args.y = advance(args.y, panels * args.y_panel_stride);
  if (args.residual != nullptr) args.residual = advance(args.residual, panels * args.residual_panel_stride);
}

}  // namespace

void prefetch_segment(const Launch& kernel, size_t index) {
  const Segment& segment = kernel.segments[index];
  const bool last = index + 1 == kernel.segments.size();
  const size_t end = last ? kernel.code_bytes : kernel.segments[index + 1].main_offset;
  for (size_t at = segment.main_offset; at < end; at += 64) __builtin_prefetch(kernel.code + at, 0, 2);
  const size_t values_end = last ? segment.value_offset : kernel.segments[index + 1].value_offset;
  for (size_t at = segment.value_offset; at < values_end; at += 16) __builtin_prefetch(kernel.values + at, 0, 2);
}

void call_segment(const Launch& kernel, const Segment& segment, const Run& run, int64_t panel, int64_t count) {
  EntryArgs args = run.args;
  args.values = kernel.values + segment.value_offset;
  args.indices = kernel.indices + segment.index_offset;
  if (panel > 0) skip_panels(args, panel);
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

}  // namespace sparsmith

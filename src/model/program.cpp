#include "model/program.h"

#include <algorithm>

#include "pattern/check.h"

namespace sparsmith::model {
namespace {

Error wrong(const std::string& what) { return bad_input("the model's program is not valid: " + what); }

bool possible(const StripGrid& grid) {
  constexpr int64_t kMost = int64_t{1} << 24;
  for (const int64_t size : {grid.height, grid.width, grid.grid_h, grid.grid_w, grid.tile_h, grid.tile_w}) {
    if (size < 1 || size > kMost) return false;
  }
  return grid.grid_h * grid.grid_w == 16 && grid.grid_h * grid.tile_h >= grid.height &&
         grid.grid_w * grid.tile_w >= grid.width;
}

Status check(const Format& format) {
  if (format.kind == Format::Kind::grid && !possible(format.grid)) return wrong("a grid that cuts no image");
  if (format.kind != Format::Kind::strips) return success();
  if (!(Format::of(format.conv) == format)) return wrong("strips with groups");
  return check_conv(1,
                    format.conv.kernel_h >= 1 && format.conv.kernel_w >= 1 && format.conv.kernel_h < 4096 &&
                            format.conv.kernel_w < 4096
                        ? format.conv.taps()
                        : 0,
                    format.conv);
}

/// The buffer's place in another one.
Status check_part(const Program& program, const Buffer& buffer) {
  constexpr int64_t kMostChannels = int64_t{1} << 24;
  if (buffer.whole < 0 || buffer.whole >= static_cast<int64_t>(program.buffers.size()))
    return wrong("a part of nothing");
  const Buffer& whole = program.buffers[static_cast<size_t>(buffer.whole)];
  const bool strips = buffer.format.kind == Format::Kind::grid || buffer.format.kind == Format::Kind::strips;
  if (whole.is_part() || !strips || !(buffer.format == whole.format)) return wrong("a part that can't be one");
  if (buffer.first < 0 || buffer.first > kMostChannels) return wrong("a part outside of its whole");
  return success();
}

}  // namespace

Status check(const graph::Graph& graph, const Program& program) {
  const auto values = static_cast<int64_t>(graph.values.size());
  const auto buffers = static_cast<int64_t>(program.buffers.size());
  std::vector<int32_t> parts(program.buffers.size());  // that are still to be written
  std::vector<bool> divided(program.buffers.size());
  for (const Buffer& buffer : program.buffers) {
    if (buffer.value < 0 || buffer.value >= values) return wrong("a buffer of no value");
    if (Status possible = check(buffer.format); !possible) return possible;
    if (!buffer.is_part()) continue;
    if (Status part = check_part(program, buffer); !part) return part;
    ++parts[static_cast<size_t>(buffer.whole)];
    divided[static_cast<size_t>(buffer.whole)] = true;
  }
  std::vector<bool> written(program.buffers.size());
  for (size_t b = 0; b < written.size(); ++b) {
    const Buffer& buffer = program.buffers[b];
    const bool given = graph.values[static_cast<size_t>(buffer.value)].constant != nullptr ||
                       std::find(graph.inputs.begin(), graph.inputs.end(), buffer.value) != graph.inputs.end();
    written[b] = given && buffer.format.kind == Format::Kind::plain;
  }
  for (const Work& work : program.works) {
    if (work.node < 0 || work.node >= static_cast<int64_t>(graph.nodes.size())) return wrong("work for no node");
    const bool kernel = work.kind == Work::Kind::kernel;
    if (kernel != (work.kernel != Work::kNone) || work.kernel < Work::kNone ||
        work.kernel >= static_cast<int64_t>(program.kernels.size())) {
      return wrong("work by no kernel");
    }
    const bool named = work.kind == Work::Kind::reference || work.kind == Work::Kind::blocked;
    if (!named && (work.outputs.size() != 1 || work.inputs.empty() || work.inputs.size() > (kernel ? 2 : 1))) {
      return wrong("work of too few or too many operands");
    }
    for (const int32_t b : work.inputs) {
      if (b < Work::kNone || b >= buffers || (!named && b == Work::kNone)) return wrong("an operand in no buffer");
      if (b != Work::kNone && program.buffers[static_cast<size_t>(b)].is_part()) return wrong("a part that is read");
      if (b != Work::kNone && work.kind != Work::Kind::halo && !written[static_cast<size_t>(b)]) {
        // Constants folded from shapes have no work; their values are known when shapes are.
        const bool plain = program.buffers[static_cast<size_t>(b)].format.kind == Format::Kind::plain;
        if (!named || !plain) return wrong("a buffer that is read before it is written");
      }
    }
    for (const int32_t b : work.outputs) {
      if (b < Work::kNone || b >= buffers || (!named && b == Work::kNone)) return wrong("a result in no buffer");
      if (b == Work::kNone) continue;
      // Twice would be into a caller's input, a constant, or what a view looks at.
      const auto at = static_cast<size_t>(b);
      if (written[at] != (work.kind == Work::Kind::halo) || (divided[at] && work.kind != Work::Kind::halo)) {
        return wrong("a buffer that is written twice");
      }
      written[at] = true;
      const Buffer& buffer = program.buffers[at];
      if (buffer.is_part() && --parts[static_cast<size_t>(buffer.whole)] == 0) {
        written[static_cast<size_t>(buffer.whole)] = true;
      }
    }
  }
  return success();
}

}  // namespace sparsmith::model

#include "compiler/build_compact.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "kernels/compact.h"

namespace sparsmith {
namespace {

struct Entries {
  uint32_t main = 0, single = 0;
};

/// The functions of segments that begin or don't begin, end or don't end K.
Result<Entries> emit(const CompactWriter& writer, int panels, bool first, bool last, CodeGenerator& generator) {
  Program program;
  std::vector<uint32_t> fewer;
  for (int p = 1; p < panels; ++p) {
    writer.write(p, first, last, program);
    auto offset = generator.add(program);
    if (!offset) return offset.error();
    fewer.push_back(*offset);
  }
  writer.write(panels, first, last, program);
  auto main = generator.add(program);
  if (!main) return main.error();
  if (fewer.empty()) return Entries{*main, *main};
  auto single = generator.add_choice(fewer);
  if (!single) return single.error();
  return Entries{*main, *single};
}

}  // namespace

Status build_compact(const LayerMatrix& matrix, const Problem& problem, const Schedule& schedule,
                     const RegisterFile& registers, CodeGenerator& generator, KernelImage& image,
                     std::vector<Segment>& segments) {
  const Pattern& pattern = matrix.pattern();
  const int64_t depth = pattern.cols(), rows = pattern.rows();
  const int64_t k_step = schedule.k_block > 0 ? std::min(schedule.k_block, depth) : depth;
  CompactWriter writer(matrix, problem, schedule, registers);
  std::optional<Entries> emitted[4];
  std::vector<int32_t> tile(static_cast<size_t>(std::min<int64_t>(schedule.tile_rows, rows)));
  image.indices.reserve(static_cast<size_t>(pattern.nnz() * 2 + rows * 4));
  for (int64_t k = 0; k < depth; k += k_step) {
    const bool first = k == 0, last = k + k_step >= depth;
    auto& entries = emitted[2 * first + last];
    if (!entries) {
      auto made = emit(writer, schedule.panels_per_pass, first, last, generator);
      if (!made) return made.error();
      entries = *made;
    }
    for (int64_t t = 0, row = 0; row < rows; ++t, row += schedule.tile_rows) {
      tile.resize(static_cast<size_t>(std::min<int64_t>(schedule.tile_rows, rows - row)));
      std::iota(tile.begin(), tile.end(), static_cast<int32_t>(row));
      Segment segment;
      segment.main_offset = entries->main;
      segment.single_offset = entries->single;
      segment.value_offset = static_cast<uint32_t>(image.value_sources.size());
      segment.tile = static_cast<uint32_t>(t);
      segment.k_block = static_cast<uint32_t>(k / k_step);
      segment.rows = static_cast<uint32_t>(tile.size());
      segment.index_offset = static_cast<uint32_t>((image.indices.size() + 7) / 8 * 8);
      const TileBlock block{tile, k, std::min(k + k_step, depth), first, last};
      if (!writer.append(block, image.value_sources, image.indices)) continue;
      if (image.value_sources.size() > UINT32_MAX / 2) return unsuitable("more than 2^31 packed values for one matrix");
      if (image.indices.size() > UINT32_MAX) return unsuitable("more than 4 GB of column indices for one matrix");
      segments.push_back(segment);
    }
  }
  return success();
}

}  // namespace sparsmith

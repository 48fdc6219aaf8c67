#include "kernels/depthwise.h"

#include <algorithm>

#include "kernels/epilogue.h"
#include "sparsmith/panel.h"
#include "sparsmith/strip.h"

namespace sparsmith {

int64_t DepthwiseWriter::rows_in_loop(const TileBlock& block, int64_t step) const {
  const auto offsets = matrix_.pattern().row_offsets();
  const auto columns = matrix_.pattern().columns();
  const auto follows = [&](int32_t row, int32_t before) {
    const int64_t count = offsets[row + 1] - offsets[row];
    if (row != before + step || count != offsets[before + 1] - offsets[before]) return false;
    for (int64_t i = 0; i < count; ++i) {
      const int64_t line = matrix_.line(columns[offsets[before] + i]) + matrix_.addressing().x_channel;
      if (matrix_.line(columns[offsets[row] + i]) != line) return false;
    }
    return true;
  };
  constexpr int64_t kMostStep = 255;  // of an op's operand
  const auto rows = static_cast<int64_t>(block.rows.size());
  if (step > kMostStep || rows < step) return 0;
  int64_t looped = step;
  while (looped < rows &&
         follows(block.rows[static_cast<size_t>(looped)], block.rows[static_cast<size_t>(looped - step)])) {
    ++looped;
  }
  return looped / step * step;
}

std::optional<DepthwiseWriter::Line> DepthwiseWriter::line_of(int64_t column, const Block& block, int u,
                                                              Program& program) const {
  const Conv2d& conv = *problem_.conv;
  const Addressing& addressing = matrix_.addressing();
  const int64_t line = matrix_.line(column);
  const StripShape strips = strip_shape(conv);
  if (problem_.x_layout == Layout::grid) {  // the matrix's lines are those of strips
    const int64_t tap = line / conv.groups, y = block.row + u / block.width, x = block.column + u % block.width;
    return line_on_grid(line % conv.groups, y + tap / strips.x_w - conv.pad_top, x + tap % strips.x_w - conv.pad_left,
                        program);
  }
  if (addressing.x_panel > 0) return Line{.line = line + u * addressing.x_panel};
  // From the pass's first position to its u-th: in strips along a row, and on in the next one. A channel a group.
  const int64_t down = u / strips.tile_w * conv.stride_h, along = u % strips.tile_w * conv.stride_w;
  return Line{.line = line + (down * strips.x_w + along) * conv.groups};
}

std::optional<DepthwiseWriter::Line> DepthwiseWriter::line_on_grid(int64_t channel, int64_t y, int64_t x,
                                                                   Program& program) const {
  const StripGrid grid = output_grid(*problem_.conv);
  const auto tiles_away = [](int64_t at, int64_t size) { return at >= 0 ? at / size : -((size - 1 - at) / size); };
  const int64_t down = tiles_away(y, grid.tile_h), along = tiles_away(x, grid.tile_w);
  uint16_t mask = 0;
  for (int64_t l = 0; l < kPanelWidth; ++l) {
    const int64_t tile_y = l / grid.grid_w + down, tile_x = l % grid.grid_w + along;
    const bool inside = tile_y >= 0 && tile_y < grid.grid_h && tile_x >= 0 && tile_x < grid.grid_w &&
                        l / grid.grid_w * grid.tile_h + y < grid.height &&
                        l % grid.grid_w * grid.tile_w + x < grid.width;
    if (inside) mask = static_cast<uint16_t>(mask | 1u << l);
  }
  if (mask == 0) return std::nullopt;
  const int64_t position = (y - down * grid.tile_h) * grid.tile_w + x - along * grid.tile_w;
  Line line{.line = position * problem_.conv->groups + channel, .shift = static_cast<int>(down * grid.grid_w + along)};
  if (mask != 0xffff) {
    auto& masks = program.lane_masks;
    const auto found = std::find(masks.begin(), masks.end(), mask);
    line.mask = static_cast<int>(found - masks.begin());
    if (found == masks.end()) masks.push_back(mask);
  }
  return line;
}

/// Whole rows of positions where that leaves registers for weights, else parts of a row of about the same length.
std::vector<DepthwiseWriter::Block> DepthwiseWriter::grid_blocks() const {
  const int64_t most = registers_.vectors >= 32 ? 14 : 4;
  const StripGrid grid = output_grid(*problem_.conv);
  std::vector<Block> blocks;
  const int64_t rows = std::max<int64_t>(1, most / grid.tile_w);
  const int64_t parts = (grid.tile_w + most - 1) / most, width = (grid.tile_w + parts - 1) / parts;
  for (int64_t y = 0; y < grid.tile_h; y += rows) {
    for (int64_t x = 0; x < grid.tile_w; x += width) {
      const int64_t columns = std::min(width, grid.tile_w - x);
      blocks.push_back({static_cast<int>(std::min(rows, grid.tile_h - y) * columns), y, x, columns});
    }
  }
  return blocks;
}

void DepthwiseWriter::write_row(int32_t row, const Block& block, size_t first_slot, Program& program,
                                std::vector<ValueSource>& values) {
  const Pattern& pattern = matrix_.pattern();
  const int panels = block.panels;
  const int64_t begin = pattern.row_offsets()[row], end = pattern.row_offsets()[row + 1];
  products_.clear();
  for (int64_t i = begin; i < end; ++i) {
    for (int u = 0; u < panels; ++u) {
      const auto line = line_of(pattern.columns()[i], block, u, program);
      if (line) products_.push_back({*line, static_cast<int32_t>(i - begin), u});
    }
  }
  std::sort(products_.begin(), products_.end());

  const int64_t panel_lines = matrix_.addressing().y_panel_bytes > 0 ? 0 : problem_.y_pitch(pattern.rows());
  const int64_t before = block.row * strip_shape(*problem_.conv).tile_w + block.column;  // positions of Y
  const TileShape tile{.rows = {&row, 1},
                       .panels = panels,
                       .panel_lines = panel_lines,
                       .first_row = -static_cast<int32_t>(before * panel_lines)};
  std::vector<bool> started(static_cast<size_t>(panels), problem_.epilogue.accumulate);
  if (problem_.epilogue.accumulate) append_loads(program, tile);
  const auto slot = static_cast<int32_t>(values.size() - first_slot);
  for (int64_t i = begin; i < end; ++i) values.push_back(ValueSource::make(ValueKind::weight, matrix_.source(i)));
  // Weights wait in registers for all panels; what those don't hold is read for each.
  const auto held = static_cast<int32_t>(std::min<int64_t>(program.temps, end - begin));
  for (int32_t i = 0; i < held; ++i)
    program.ops.push_back({OpCode::load_value, static_cast<uint8_t>(i), 0, 0, slot + i});
  std::optional<Line> loaded;
  for (const Product& product : products_) {
    if (product.line != loaded) {
      loaded = product.line;
      const auto line = static_cast<int32_t>(loaded->line);
      if (loaded->mask >= 0) {
        program.ops.push_back({OpCode::load_x_lanes, 0, static_cast<uint8_t>(loaded->mask),
                               static_cast<uint8_t>(kPanelWidth + loaded->shift), line});
      } else {
        program.ops.push_back({OpCode::load_x, 0, 0, 0, line});
      }
    }
    const auto acc = static_cast<uint8_t>(product.panel);
    const auto weight = static_cast<uint8_t>(product.nonzero);
    if (!started[acc] && product.nonzero < held) {
      program.ops.push_back({OpCode::product_temp, acc, 0, weight, 0});
    } else if (product.nonzero < held) {
      program.ops.push_back({OpCode::fma_temp, acc, 0, weight, 0});
    } else {
      program.ops.push_back({started[acc] ? OpCode::fma_value : OpCode::product, acc, 0, 0, slot + product.nonzero});
    }
    started[acc] = true;
  }
  for (size_t u = 0; u < started.size(); ++u) {
    if (!started[u]) program.ops.push_back({OpCode::zero, static_cast<uint8_t>(u)});
  }
  append_epilogue(program, tile, problem_.epilogue, values, first_slot);
  append_stores(program, tile);
}

void DepthwiseWriter::write_rows(const TileBlock& tile, const Block& block, size_t first_slot, Program& program,
                                 std::vector<ValueSource>& values) {
  const int64_t step = matrix_.pattern().rows() / problem_.conv->groups, looped = rows_in_loop(tile, step);
  int64_t row = 0;
  if (looped > step) {
    program.ops.push_back({OpCode::row_loop_begin, 0, 0, 0, static_cast<int32_t>(looped / step)});
    for (; row < step; ++row) write_row(tile.rows[static_cast<size_t>(row)], block, first_slot, program, values);
    const auto slots = static_cast<int32_t>(values.size() - first_slot);
    program.ops.push_back({OpCode::row_loop_end, static_cast<uint8_t>(step), 0, 1, slots});
    // The further rounds' values, in the same order.
    const std::vector<Op> ops = program.ops;
    for (; row < looped; ++row) write_row(tile.rows[static_cast<size_t>(row)], block, first_slot, program, values);
    program.ops = ops;
  }
  for (; row < static_cast<int64_t>(tile.rows.size()); ++row) {
    write_row(tile.rows[static_cast<size_t>(row)], block, first_slot, program, values);
  }
}

void DepthwiseWriter::write(const TileBlock& block, int panels, Program& program, std::vector<ValueSource>& values) {
  const std::vector<Block> blocks =
      problem_.x_layout == Layout::grid ? grid_blocks() : std::vector<Block>{{.panels = panels}};
  program = Program{};
  for (const Block& b : blocks) program.accs = std::max(program.accs, b.panels);
  program.xs = 1;
  program.temps = registers_.vectors - program.accs - program.xs;
  program.panels = panels;
  set_addressing(matrix_, program);
  program.x_pointers = 1;
  program.ops.push_back({OpCode::pass_begin});
  for (size_t i = 0; i < blocks.size(); ++i) {
    // All blocks stream the same values.
    std::vector<ValueSource> same;
    write_rows(block, blocks[i], i == 0 ? values.size() : 0, program, i == 0 ? values : same);
  }
  program.ops.push_back({OpCode::pass_end});
}

}  // namespace sparsmith

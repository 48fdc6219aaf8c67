#include "kernels/depthwise.h"

#include <algorithm>
#include <limits>

#include "kernels/epilogue.h"
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

void DepthwiseWriter::write_row(int32_t row, int panels, size_t first_slot, Program& program,
                                std::vector<ValueSource>& values) {
  const Pattern& pattern = matrix_.pattern();
  const Conv2d& conv = *problem_.conv;
  const Addressing& addressing = matrix_.addressing();
  const int64_t begin = pattern.row_offsets()[row], end = pattern.row_offsets()[row + 1];
  // Units of X from the pass's first position to its u-th: in strips along a row, and on in the next one.
  const StripShape strips = strip_shape(conv);
  const auto position_lines = [&](int64_t u) {
    if (addressing.x_panel > 0) return u * addressing.x_panel;
    const int64_t down = u / strips.tile_w * conv.stride_h, along = u % strips.tile_w * conv.stride_w;
    return (down * strips.x_w + along) * conv.groups;  // a channel a group
  };
  products_.clear();
  for (int64_t i = begin; i < end; ++i) {
    for (int u = 0; u < panels; ++u) {
      products_.push_back({matrix_.line(pattern.columns()[i]) + position_lines(u), static_cast<int32_t>(i - begin), u});
    }
  }
  std::sort(products_.begin(), products_.end(), [](const Product& a, const Product& b) {
    return a.line != b.line ? a.line < b.line : a.nonzero < b.nonzero;
  });

  const TileShape tile{.rows = {&row, 1},
                       .panels = panels,
                       .panel_lines = addressing.y_panel_bytes > 0 ? 0 : problem_.y_pitch(pattern.rows())};
  std::vector<bool> started(static_cast<size_t>(panels), problem_.epilogue.accumulate);
  if (problem_.epilogue.accumulate) append_loads(program, tile);
  const auto slot = static_cast<int32_t>(values.size() - first_slot);
  for (int64_t i = begin; i < end; ++i) values.push_back(ValueSource::make(ValueKind::weight, matrix_.source(i)));
  // Weights wait in registers for all panels; what those don't hold is read for each.
  const auto held = static_cast<int32_t>(std::min<int64_t>(program.temps, end - begin));
  for (int32_t i = 0; i < held; ++i)
    program.ops.push_back({OpCode::load_value, static_cast<uint8_t>(i), 0, 0, slot + i});
  int64_t loaded = std::numeric_limits<int64_t>::min();
  for (const Product& product : products_) {
    if (product.line != loaded) {
      loaded = product.line;
      program.ops.push_back({OpCode::load_x, 0, 0, 0, static_cast<int32_t>(loaded)});
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

void DepthwiseWriter::write(const TileBlock& block, int panels, Program& program, std::vector<ValueSource>& values) {
  const size_t first_slot = values.size();
  program = Program{};
  program.accs = panels;
  program.xs = 1;
  program.temps = registers_.vectors - program.accs - program.xs;
  program.panels = panels;
  set_addressing(matrix_, program);
  program.x_pointers = 1;
  program.ops.push_back({OpCode::pass_begin});
  const int64_t step = matrix_.pattern().rows() / problem_.conv->groups, looped = rows_in_loop(block, step);
  int64_t row = 0;
  if (looped > step) {
    program.ops.push_back({OpCode::row_loop_begin, 0, 0, 0, static_cast<int32_t>(looped / step)});
    for (; row < step; ++row) write_row(block.rows[static_cast<size_t>(row)], panels, first_slot, program, values);
    const auto slots = static_cast<int32_t>(values.size() - first_slot);
    program.ops.push_back({OpCode::row_loop_end, static_cast<uint8_t>(step), 0, 1, slots});
    // The further rounds' values, in the same order.
    const std::vector<Op> ops = program.ops;
    for (; row < looped; ++row) write_row(block.rows[static_cast<size_t>(row)], panels, first_slot, program, values);
    program.ops = ops;
  }
  for (; row < static_cast<int64_t>(block.rows.size()); ++row) {
    write_row(block.rows[static_cast<size_t>(row)], panels, first_slot, program, values);
  }
  program.ops.push_back({OpCode::pass_end});
}

}  // namespace sparsmith

#include "kernels/dense.h"

#include <algorithm>

#include "kernels/epilogue.h"

namespace sparsmith {
namespace {
/// Rows of X a round: enough to hide the loop's own three instructions, few enough to stay in the micro-op cache. Where
/// a channel's taps follow each other, whole channels.
constexpr int64_t kUnroll = 4;
constexpr int32_t kLineFloats = 16;
/// Bytes that a displacement reaches, with room for a loop's own.
constexpr int64_t kMostAhead = int64_t{1} << 30;
}  // namespace

DenseWriter::DenseWriter(const LayerMatrix& matrix, const Problem& problem, const RegisterFile& registers,
                         const Schedule& schedule)
    : matrix_(matrix), problem_(problem), registers_(registers), prefetch_(schedule.prefetch_code) {}

void DenseWriter::append_values(const TileBlock& block, std::vector<ValueSource>& values) {
  const size_t rows = block.rows.size(), first = values.size();
  values.resize(first + rows * static_cast<size_t>(block.k_end - block.k_begin), ValueSource::make(ValueKind::zero, 0));
  const auto offsets = matrix_.pattern().row_offsets();
  const auto columns = matrix_.pattern().columns();
  for (size_t r = 0; r < rows; ++r) {
    const int64_t begin = offsets[block.rows[r]], end = offsets[block.rows[r] + 1];
    for (int64_t i = begin; i < end; ++i) {
      if (columns[i] < block.k_begin || columns[i] >= block.k_end) continue;
      values[first + static_cast<size_t>(columns[i] - block.k_begin) * rows + r] =
          ValueSource::make(ValueKind::weight, matrix_.source(i));
    }
  }
}

void DenseWriter::append_products(const TileBlock& block, int panels, int64_t k, int32_t slot, Program& program) const {
  append_x_loads(matrix_, matrix_.line(k), program);
  for (size_t r = 0; r < block.rows.size(); ++r, ++slot) {
    const auto temp = static_cast<uint8_t>(r % static_cast<size_t>(std::max(program.temps, 1)));
    if (program.temps > 0) program.ops.push_back({OpCode::load_value, temp, 0, 0, slot});
    for (int u = 0; u < panels; ++u) {
      const auto acc = static_cast<uint8_t>(static_cast<int>(r) * panels + u), x = static_cast<uint8_t>(u);
      if (program.temps > 0) {
        program.ops.push_back({OpCode::fma_temp, acc, x, temp, 0});
      } else {
        program.ops.push_back({OpCode::fma_value, acc, x, 0, slot});
      }
    }
  }
}

void DenseWriter::append_prefetch(const TileBlock& block, int32_t slot, Program& program) const {
  const auto ahead = static_cast<int64_t>(block.rows.size()) * (block.k_end - block.k_begin) + slot;
  if (ahead * 4 > kMostAhead) return;
  program.ops.push_back({OpCode::prefetch_value, 0, 0, 0, static_cast<int32_t>(ahead)});
}

void DenseWriter::append_run(const TileBlock& block, int panels, int64_t k_begin, int64_t k_end, int32_t slot,
                             Program& program) const {
  const auto rows = static_cast<int32_t>(block.rows.size());
  const int64_t together = matrix_.columns_per_channel(), channels = (kUnroll + together - 1) / together;
  const int64_t unroll = together * channels, rounds = (k_end - k_begin) / unroll;
  if (rounds > 0) {
    program.ops.push_back({OpCode::k_loop_begin, 0, 0, 0, static_cast<int32_t>(rounds)});
    int32_t fetched = slot;
    for (int64_t i = 0; i < unroll; ++i) {
      const int32_t first = slot + static_cast<int32_t>(i) * rows;
      append_products(block, panels, k_begin + i, first, program);
      // One for each line that a round streams, and so for some of them twice.
      while (prefetch_ && fetched < first + rows) {
        append_prefetch(block, fetched, program);
        fetched += kLineFloats;
      }
    }
    program.ops.push_back(
        {OpCode::k_loop_end, 0, 0, static_cast<uint8_t>(channels), static_cast<int32_t>(unroll) * rows});
  }
  for (int64_t k = k_begin + rounds * unroll; k < k_end; ++k) {
    append_products(block, panels, k, slot + static_cast<int32_t>(k - k_begin) * rows, program);
  }
}

void DenseWriter::write(const TileBlock& block, int panels, Program& program, std::vector<ValueSource>* values) {
  const TileShape tile{.rows = block.rows, .panels = panels, .first_row = block.first_row};
  const auto rows = static_cast<int32_t>(block.rows.size());
  program.accs = rows * panels;
  program.xs = panels;
  // One panel a pass: the value is the multiply's own broadcast operand. More: it is loaded once for all of them.
  program.temps = panels > 1 ? std::min(4, registers_.free_temps + registers_.vectors - program.accs - program.xs) : 0;
  program.panels = panels;
  set_addressing(matrix_, program);
  program.x_layout = Layout::panel;
  program.y_layout = y_layout(problem_);
  program.plain_row_bytes = fixed_row_bytes(matrix_.pattern(), problem_);
  program.ops.clear();

  std::vector<ValueSource> unused;
  std::vector<ValueSource>& sources = values ? *values : unused;
  const size_t first_slot = sources.size();
  const int64_t depth = block.k_end - block.k_begin;
  if (values) {
    append_values(block, sources);
  } else {
    sources.resize(static_cast<size_t>(depth * rows));
  }

  program.ops.push_back({OpCode::pass_begin});
  if (!block.first || problem_.epilogue.accumulate) {
    append_loads(program, tile);
  } else {
    append_zeros(program, tile);
  }
  for (int64_t k = block.k_begin; k < block.k_end;) {
    const int64_t together = matrix_.columns_per_channel();
    int64_t end = std::min(k + together, block.k_end);
    while (end < block.k_end && matrix_.line(end) == matrix_.line(end - together) + matrix_.addressing().x_channel)
      ++end;
    append_run(block, panels, k, end, static_cast<int32_t>(k - block.k_begin) * rows, program);
    k = end;
  }
  if (block.last) append_epilogue(program, tile, problem_.epilogue, sources, first_slot);
  append_stores(program, tile);
  program.ops.push_back({OpCode::pass_end});
}

}  // namespace sparsmith

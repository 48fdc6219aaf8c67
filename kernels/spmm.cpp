#include "kernels/spmm.h"

#include <algorithm>

#include "kernels/epilogue.h"

namespace sparsmith {
namespace {
/// Beyond it nonzeros are sorted by comparing.
constexpr int64_t kMostColumnsPerNonzero = 64;
}  // namespace

SpmmWriter::SpmmWriter(const LayerMatrix& matrix, const Problem& problem, int panels, const Schedule& schedule)
    : matrix_(matrix),
      problem_(problem),
      panels_(panels),
      lanes_(schedule.lanes),
      prefetch_y_(schedule.prefetch_y),
      x_layout_(schedule.direct_x ? Layout::plain : Layout::panel) {}

void SpmmWriter::sort_by_column(const TileBlock& block) {
  const auto offsets = matrix_.pattern().row_offsets();
  const auto columns = matrix_.pattern().columns();
  const auto range = [&](int32_t row) {
    const auto begin = columns.begin() + offsets[row], end = columns.begin() + offsets[row + 1];
    if (block.first && block.last) return std::pair{begin, end};
    const auto first = std::lower_bound(begin, end, block.k_begin);
    return std::pair{first, std::lower_bound(first, end, block.k_end)};
  };
  int64_t count = 0;
  for (const int32_t row : block.rows) count += range(row).second - range(row).first;
  nonzeros_.resize(static_cast<size_t>(count));
  const auto for_each = [&](const auto& visit) {
    for (size_t r = 0; r < block.rows.size(); ++r) {
      const auto [first, last] = range(block.rows[r]);
      for (auto it = first; it != last; ++it) {
        visit(Nonzero{*it, static_cast<int32_t>(r), static_cast<uint32_t>(it - columns.begin())});
      }
    }
  };

  // Counting takes a step for every column, which is too many when the tile uses a few of a million.
  const int64_t depth = block.k_end - block.k_begin;
  if (depth / kMostColumnsPerNonzero > count) {
    size_t next = 0;
    for_each([&](const Nonzero& nonzero) { nonzeros_[next++] = nonzero; });
    std::stable_sort(nonzeros_.begin(), nonzeros_.end(),
                     [](const Nonzero& a, const Nonzero& b) { return a.column < b.column; });
    return;
  }
  column_start_.assign(static_cast<size_t>(depth) + 1, 0);
  for_each([&](const Nonzero& nonzero) { ++column_start_[nonzero.column - block.k_begin + 1]; });
  for (size_t k = 1; k < column_start_.size(); ++k) column_start_[k] += column_start_[k - 1];
  for_each([&](const Nonzero& nonzero) { nonzeros_[column_start_[nonzero.column - block.k_begin]++] = nonzero; });
}

void SpmmWriter::write(const TileBlock& block, Program& program, std::vector<ValueSource>& values) {
  const TileShape tile{block.rows, panels_};
  const size_t first_slot = values.size();
  sort_by_column(block);

  program.accs = static_cast<int>(block.rows.size()) * panels_;
  program.xs = panels_;
  program.temps = 0;
  program.lanes = lanes_;
  program.panels = panels_;
  set_addressing(matrix_, program);
  program.x_layout = x_layout_;
  program.y_layout = y_layout(problem_);
  program.plain_row_bytes = fixed_row_bytes(matrix_.pattern(), problem_);
  program.ops.clear();
  program.ops.push_back({OpCode::pass_begin});
  // An accumulator that starts from nothing starts with its first product, which saves zeroing them.
  std::vector<bool> started(block.rows.size(), !block.first || problem_.epilogue.accumulate);
  if (started[0]) append_loads(program, tile);
  // Prefetches are spread over the products: in a burst they would fill the line buffers that loads of X need.
  const size_t prefetches = prefetch_y_ ? block.rows.size() : 0;
  size_t prefetched = 0;
  for (size_t next = 0; next < nonzeros_.size();) {
    const int32_t k = nonzeros_[next].column;
    append_x_loads(matrix_, matrix_.line(k), program);
    for (; next < nonzeros_.size() && nonzeros_[next].column == k; ++next) {
      for (; prefetched * nonzeros_.size() < prefetches * next; ++prefetched) {
        for (int u = 0; u < panels_; ++u) {
          program.ops.push_back({OpCode::prefetch_y, 0, 0, static_cast<uint8_t>(u), block.rows[prefetched]});
        }
      }
      const auto slot = static_cast<int32_t>(values.size() - first_slot);
      values.push_back(ValueSource::make(ValueKind::weight, matrix_.source(nonzeros_[next].index)));
      for (int u = 0; u < panels_; ++u) {
        const auto acc = static_cast<uint8_t>(nonzeros_[next].row * panels_ + u);
        const OpCode code = started[nonzeros_[next].row] ? OpCode::fma_value : OpCode::product;
        program.ops.push_back({code, acc, static_cast<uint8_t>(u), 0, slot});
      }
      started[nonzeros_[next].row] = true;
    }
  }
  for (size_t r = 0; r < started.size(); ++r) {
    if (started[r]) continue;
    for (int u = 0; u < panels_; ++u) {
      program.ops.push_back({OpCode::zero, static_cast<uint8_t>(static_cast<int>(r) * panels_ + u)});
    }
  }
  if (block.last) append_epilogue(program, tile, problem_.epilogue, values, first_slot);
  append_stores(program, tile);
  program.ops.push_back({OpCode::pass_end});
}

}  // namespace sparsmith

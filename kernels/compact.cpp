#include "kernels/compact.h"

#include <algorithm>
#include <cstring>

#include "artifact/compact_stream.h"
#include "kernels/epilogue.h"
#include "pattern/x_lines.h"

namespace sparsmith {
namespace {

constexpr int32_t kListedRow[] = {0};
constexpr int64_t kLineBytes = 64;

/// One multiply-accumulate after the other on the same register waits for its result: where panels are too few to fill
/// that time, even and odd nonzeros have accumulators of their own. Six fill it, and a second set would cost 3 % of a
/// 3x3 layer at 14x14. Equal for all numbers of panels of a pass, so that sums don't depend on them.
int accumulator_sets(int panels, const RegisterFile& registers) {
  constexpr int kEnough = 6;
  return panels < kEnough && 2 * panels + 1 <= registers.vectors ? 2 : 1;
}

bool changes_sums(const Epilogue& epilogue) {
  return epilogue.row_scale || epilogue.bias || epilogue.residual != Residual::none ||
         epilogue.activation != Activation::none;
}

template <class Index>
uint8_t* put(uint8_t* at, int64_t value) {
  const auto narrow = static_cast<Index>(value);
  std::memcpy(at, &narrow, sizeof narrow);
  return at + sizeof narrow;
}

}  // namespace

CompactWriter::CompactWriter(const LayerMatrix& matrix, const Problem& problem, const Schedule& schedule,
                             const RegisterFile& registers)
    : matrix_(matrix),
      pattern_(matrix.pattern()),
      problem_(problem),
      weight_columns_(pattern_.cols() / (problem.conv ? problem.conv->groups : 1)),
      panels_(schedule.panels_per_pass),
      lanes_(schedule.lanes),
      sets_(accumulator_sets(schedule.panels_per_pass, registers)),
      index_bytes_(index_bytes(x_lines(problem, weight_columns_, schedule.k_block))),
      next_(pattern_.row_offsets().begin(), pattern_.row_offsets().end() - 1) {}

void CompactWriter::write(int panels, bool first, bool last, Program& program) const {
  const TileShape row{kListedRow, panels};
  program = {};
  program.accs = panels * sets_;
  program.xs = 1;
  program.lanes = lanes_;
  program.panels = panels;
  program.y_layout = y_layout(problem_);
  program.plain_row_bytes = fixed_row_bytes(pattern_, problem_);
  program.listed_rows = true;
  program.one_pass = panels < panels_;
  program.index_bytes = index_bytes_;
  for (int u = 0; u < panels; ++u) {
    program.x_panel_offsets.push_back(static_cast<int32_t>(x_panel_line(problem_, weight_columns_, u) * kLineBytes));
  }
  program.y_panel_bytes = program.y_layout == Layout::panel ? problem_.y_pitch(pattern_.rows()) * kLineBytes : 0;
  program.ops = {{OpCode::pass_begin}, {OpCode::list_begin}};
  if (!first || problem_.epilogue.accumulate) {
    append_loads(program, row);
  } else {
    append_zeros(program, row);
  }
  for (int a = panels; a < program.accs; ++a) program.ops.push_back({OpCode::zero, static_cast<uint8_t>(a)});
  program.ops.push_back({OpCode::list_products, static_cast<uint8_t>(sets_)});
  for (int a = panels; a < program.accs; ++a) {
    program.ops.push_back({OpCode::add_acc, static_cast<uint8_t>(a - panels), static_cast<uint8_t>(a)});
  }
  std::vector<ValueSource> values;
  if (last) append_epilogue(program, row, problem_.epilogue, values, 0);
  append_stores(program, row);
  program.ops.push_back({OpCode::list_end, 0, 0, 0, static_cast<int32_t>(values.size())});
  program.ops.push_back({OpCode::pass_end});
}

bool CompactWriter::append(const TileBlock& block, std::vector<ValueSource>& values, std::vector<uint8_t>& indices) {
  const auto columns = pattern_.columns();
  const auto row_offsets = pattern_.row_offsets();
  // Sums are begun by the first block and finished by the last, whether it adds to them or not.
  const bool all = block.first || (block.last && changes_sums(problem_.epilogue));
  rows_.clear();
  for (size_t r = 0; r < block.rows.size(); ++r) {
    int64_t& next = next_[static_cast<size_t>(block.rows[r])];
    const int64_t begin = next, row_end = row_offsets[block.rows[r] + 1];
    if (block.last) {
      next = row_end;
    } else {
      while (next < row_end && columns[next] < block.k_end) ++next;
    }
    if (all || next > begin) rows_.push_back({static_cast<int32_t>(r), begin, next});
  }
  if (rows_.empty()) return false;
  std::stable_sort(rows_.begin(), rows_.end(),
                   [](const Row& a, const Row& b) { return a.end - a.begin > b.end - b.begin; });
  if (index_bytes_ == 2) {
    append_rows<uint16_t>(block, values, indices);
  } else {
    append_rows<uint32_t>(block, values, indices);
  }
  return true;
}

template <class Index>
void CompactWriter::append_rows(const TileBlock& block, std::vector<ValueSource>& values,
                                std::vector<uint8_t>& indices) {
  const auto columns = pattern_.columns();
  CompactHeader header;
  header.rows = static_cast<int64_t>(rows_.size());
  header.first_row = block.rows.front();
  header.first_line = matrix_.line(block.k_begin);
  size_t nonzeros = 0;
  for (const Row& row : rows_) nonzeros += static_cast<size_t>(row.end - row.begin);

  const size_t start = (indices.size() + 7) / 8 * 8;
  indices.resize(start + sizeof header + (2 * rows_.size() + nonzeros) * sizeof(Index));
  uint8_t* at = indices.data() + start + sizeof header;
  for (const Row& row : rows_) {
    at = put<Index>(at, row.row);
    at = put<Index>(at, row.end - row.begin);
    for (int64_t i = row.begin; i < row.end; ++i) {
      at = put<Index>(at, (matrix_.line(columns[i]) - header.first_line) * kIndexScale);
      values.push_back(ValueSource::make(ValueKind::weight, matrix_.source(i)));
    }
    if (!block.last) continue;
    const size_t before = values.size();
    unused_.ops.clear();
    append_epilogue(unused_, {{&block.rows[static_cast<size_t>(row.row)], 1}, 1}, problem_.epilogue, values, before);
    header.row_values = static_cast<int64_t>(values.size() - before);
  }
  std::memcpy(indices.data() + start, &header, sizeof header);
}

}  // namespace sparsmith

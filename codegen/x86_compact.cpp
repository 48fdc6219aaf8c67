#include "codegen/x86_compact.h"

#include <algorithm>
#include <cstddef>

#include "artifact/compact_stream.h"
#include "codegen/x86_registers.h"

namespace sparsmith {

using namespace x86;

namespace {
/// Steps a round: as many as one-byte displacements on the streams reach, fewer where many panels make them long.
int steps_a_round(const Program& program) { return program.panels <= 8 ? 16 : 8; }
}  // namespace

CompactLowering::CompactLowering(const Program& program, Isa isa, X86Encoder& encoder)
    : program_(program), e_(encoder), avx512_(isa == Isa::avx512), steps_(steps_a_round(program)) {
  has_residual_ =
      std::any_of(program.ops.begin(), program.ops.end(), [](const Op& op) { return op.code == OpCode::add_residual; });
}

void CompactLowering::enter() {
  const auto header = [](size_t offset) { return Mem{kIndices, static_cast<int32_t>(offset)}; };
  e_.load(X86Form::mov_load, kIndices, arg(offsetof(EntryArgs, indices)));
  e_.load(X86Form::imul_load, kScratch, header(offsetof(CompactHeader, first_line)), kLineBytes);
  e_.load(X86Form::lea, kX, {kX, 0, kScratch});
  e_.load(X86Form::mov_load, kScratch, header(offsetof(CompactHeader, first_row)));
  e_.load(X86Form::scale_load, kScratch, arg(offsetof(EntryArgs, y_row_stride)));
  e_.load(X86Form::lea, kY, {kY, 0, kScratch});
  if (!has_residual_) return;
  e_.load(X86Form::mov_load, kScratch, header(offsetof(CompactHeader, first_row)));
  e_.load(X86Form::scale_load, kScratch, arg(offsetof(EntryArgs, residual_row_stride)));
  e_.load(X86Form::lea, kResidual, {kResidual, 0, kScratch});
}

void CompactLowering::begin_pass() {
  e_.move(kYPass, kY);
  e_.move(kResidualPass, kResidual);
  e_.load(X86Form::mov_load, kValues, arg(offsetof(EntryArgs, values)));
  e_.load(X86Form::mov_load, kIndices, arg(offsetof(EntryArgs, indices)));
  e_.load(X86Form::mov_load, kRows, {kIndices, static_cast<int32_t>(offsetof(CompactHeader, rows))});
  e_.add(kIndices, sizeof(CompactHeader));
}

void CompactLowering::end_pass() {
  e_.move(kY, kYPass);
  e_.move(kResidual, kResidualPass);
}

void CompactLowering::load_index(Gpr reg, int32_t disp) {
  e_.load(program_.index_bytes == 2 ? X86Form::mov_load16 : X86Form::mov_load32, reg, {kIndices, disp});
}

void CompactLowering::begin_row() {
  e_.align_with_nops(32);
  row_start_ = e_.size();
  load_index(kScratch, 0);
  load_index(kRounds, program_.index_bytes);
  e_.add(kIndices, 2 * program_.index_bytes);
  if (has_residual_) {
    e_.move(kX1, kScratch);
    e_.load(X86Form::scale_load, kX1, arg(offsetof(EntryArgs, residual_row_stride)));
    e_.load(X86Form::lea, kResidual, {kResidualPass, 0, kX1});
  }
  e_.load(X86Form::scale_load, kScratch, arg(offsetof(EntryArgs, y_row_stride)));
  e_.load(X86Form::lea, kY, {kYPass, 0, kScratch});
}

// The broadcast value takes the register behind the accumulators, which the epilogue uses only afterwards.
void CompactLowering::step(int i, int sets) {
  const int value = program_.accs * halves();
  load_index(kScratch, -program_.index_bytes * i);
  e_.load(X86Form::lea, kX1, {kX, 0, kScratch, kLineBytes / kIndexScale});
  e_.mem(X86Form::broadcast, value, 0, {kValues, -4 * i});
  for (int u = 0; u < program_.panels; ++u) {
    for (int h = 0; h < halves(); ++h) {
      const int acc = ((i % sets) * program_.panels + u) * halves() + h;
      e_.mem(X86Form::fma_v, acc, value, {kX1, program_.x_panel_offsets[static_cast<size_t>(u)] + 32 * h});
    }
  }
}

void CompactLowering::products(const Op& op) {
  const int bytes = program_.index_bytes;
  // Into the first round, which holds what is left over whole rounds, so many steps before its end.
  e_.move(kScratch, kRounds);
  e_.immediate(X86Form::and_imm, kScratch, steps_ - 1);
  e_.immediate(X86Form::shr_imm, kRounds, steps_ == 16 ? 4 : 3);
  e_.load(X86Form::lea, kIndices, {kIndices, 0, kScratch, static_cast<uint8_t>(bytes)});
  e_.load(X86Form::lea, kValues, {kValues, 0, kScratch, 4});
  e_.immediate(X86Form::imul_imm, kScratch, 0);
  const size_t step_size_place = e_.size();
  const size_t end_address = e_.later_address(kX1);
  e_.load(X86Form::lea, kScratch, {kX1, 0, kScratch});
  e_.jump_to(kScratch);

  e_.align_with_nops(32);
  const size_t round_start = e_.size();
  size_t step_size = 0;
  for (int i = steps_; i >= 1; --i) {
    const size_t start = e_.size();
    step(i, op.a);
    if (i < steps_ && e_.size() - start != step_size) e_.fail("steps of a loop differ in size");
    step_size = e_.size() - start;
  }
  e_.set_address(end_address, e_.size());
  e_.patch(step_size_place, -static_cast<int32_t>(step_size));

  e_.add(kValues, 4 * steps_);
  e_.add(kIndices, bytes * steps_);
  e_.decrement(kRounds);
  e_.jump(X86Form::jump_not_sign, round_start);
  e_.add(kValues, -4 * steps_);
  e_.add(kIndices, -bytes * steps_);
}

void CompactLowering::end_row() {
  e_.decrement(kRows);
  e_.jump(X86Form::jump_not_zero, row_start_);
}

Result<uint32_t> lower_choice(const std::vector<uint32_t>& offsets, X86Encoder& encoder) {
  encoder.align(64);
  const size_t offset = encoder.size();
  encoder.load(X86Form::mov_load, kScratch, arg(offsetof(EntryArgs, passes)));
  for (size_t i = 0; i + 1 < offsets.size(); ++i) {
    encoder.decrement(kScratch);
    encoder.jump(X86Form::jump_zero, offsets[i]);
  }
  encoder.jump(X86Form::jump_always, offsets.back());
  if (!encoder.error().empty()) return internal_error("x86 encoding failed: " + encoder.error());
  return static_cast<uint32_t>(offset);
}

}  // namespace sparsmith

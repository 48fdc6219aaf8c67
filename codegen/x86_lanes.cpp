#include "codegen/x86_lanes.h"

#include "codegen/x86_registers.h"

namespace sparsmith {
namespace {
constexpr int64_t kLineBytes = 64;
}  // namespace

void LaneLowering::enter() {
  if (!program_.data.empty()) address_ = e_.later_address(data_);
}

void LaneLowering::end_pass() {
  e_.add(data_, -at_);
  at_ = 0;
}

void LaneLowering::begin_slots(const Op& op, int64_t first_word) {
  e_.add(data_, first_word * 4 - at_);
  at_ = first_word * 4;
  rounds_ = op.imm;
  e_.set(x86::kSlotRounds, op.imm);
  e_.align_with_nops(32);
  slots_start_ = e_.size();
}

void LaneLowering::end_slots(const Op& op) {
  e_.add(data_, op.a * 4);
  e_.decrement(x86::kSlotRounds);
  e_.jump(X86Form::jump_not_zero, slots_start_);
  at_ += rounds_ * op.a * 4;
}

void LaneLowering::leave() {
  if (program_.data.empty()) return;
  e_.align(kLineBytes);
  e_.set_address(address_, e_.size());
  e_.bytes(program_.data.data(), program_.data.size() * sizeof(uint32_t));
}

/// Words are read once a pass, in order: the base goes ahead as far as one byte of displacement reaches back.
Mem LaneLowering::words(int64_t word) {
  constexpr int64_t kReach = 128 * kLineBytes;
  int64_t disp = word * 4 - at_;
  if (disp >= kReach) {
    e_.add(data_, disp + kReach);
    at_ += disp + kReach;
    disp = -kReach;
  }
  return {data_, static_cast<int32_t>(disp)};
}

bool LaneLowering::reads_values(OpCode code) {
  switch (code) {
    case OpCode::load_values:
    case OpCode::product_values:
    case OpCode::fma_values:
    case OpCode::mul_values:
    case OpCode::add_values:
    case OpCode::leaky_values:
      return true;
    default:
      return false;
  }
}

void LaneLowering::lower(const Op& op, Mem memory) {
  switch (op.code) {
    case OpCode::load_words:
      return e_.mem(X86Form::load_v, x(op.a), 0, words(op.imm));
    case OpCode::shift_words:
      return e_.rr(X86Form::shift_v, x(op.a), x(op.b), op.c);
    case OpCode::copy_x:
      return e_.rr(X86Form::copy_v, x(op.a), x(op.b));
    case OpCode::lookup:
      return e_.mem(X86Form::lookup_v, x(op.a), x(op.b), memory);
    case OpCode::load_place:
      return e_.load(X86Form::mov_load32, x86::kScratch, words(op.imm));
    case OpCode::lookup_8:
    case OpCode::lookup_at:
      return e_.mem(X86Form::lookup_8_v, x(op.a), x(op.b), memory);
    case OpCode::load_values:
      return e_.mem(X86Form::load_v, x(op.a), 0, memory);
    case OpCode::product_values:
      return e_.mem(X86Form::mul_v, op.a, x(op.b), memory);
    case OpCode::fma_values:
      return e_.mem(X86Form::fma_v, op.a, x(op.b), memory);
    case OpCode::product_x:
      return e_.rr(X86Form::mul_rr, op.a, x(op.b), x(op.c));
    case OpCode::fma_x:
      return e_.rr(X86Form::fma_rr, op.a, x(op.b), x(op.c));
    case OpCode::mul_values:
      return e_.mem(X86Form::mul_v, op.a, op.a, memory);
    case OpCode::add_values:
      return e_.mem(X86Form::load_add_v, op.a, op.a, memory);
    case OpCode::leaky_values:
      e_.mem(X86Form::mul_v, x(op.b), op.a, memory);
      if (avx512_) e_.rr(X86Form::sign_mask, 0, op.a);
      return e_.rr(X86Form::blend_sign, op.a, op.a, x(op.b));
    default:
      return;  // Lowering's own
  }
}

}  // namespace sparsmith

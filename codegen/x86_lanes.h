/// \file
/// The ops of a Program that work lane by lane, and the constants behind its code that they read.
#pragma once

#include "codegen/x86_encoder.h"
#include "kernels/program.h"
#include "sparsmith/target.h"

namespace sparsmith {

class LaneLowering {
 public:
  /// `data` gets the address of the Program's constants.
  LaneLowering(const Program& program, Isa isa, Gpr data, X86Encoder& encoder)
      : program_(program), avx512_(isa == Isa::avx512), data_(data), e_(encoder) {}

  void enter();     ///< before the first op
  void end_pass();  ///< the constants from their start again
  void begin_slots(const Op& op, int64_t first_word);
  void end_slots(const Op& op);
  void leave();  ///< behind the function: its constants

  /// Whether the op reads values, which are then the memory it is lowered with.
  static bool reads_values(OpCode code);
  /// `memory`: the op's values, or the window of a lookup that isn't in a register.
  void lower(const Op& op, Mem memory);

 private:
  int x(int i) const { return program_.accs + i; }
  Mem words(int64_t word);

  const Program& program_;
  const bool avx512_;
  const Gpr data_;
  X86Encoder& e_;
  size_t address_ = 0;  ///< where the constants' address is to be set
  int64_t at_ = 0;      ///< byte of the constants that data_ points to
  size_t slots_start_ = 0;
  int64_t rounds_ = 0;
};

}  // namespace sparsmith

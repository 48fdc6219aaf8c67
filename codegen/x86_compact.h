/// \file
/// The loops of the compact form: over the rows of an index stream (compact_stream.h), and over a row's nonzeros.
///
///     movzx       eax, word ptr [rbx - 2*i]       the nonzero's column, times 8
///     lea         r10, [rsi + 8*rax]              its row of X in the first panel
///     vbroadcastss zmm_v, dword ptr [rcx - 4*i]
///     vfmadd231ps zmm_u, zmm_v, [r10 + panel u]   for each panel
///
/// Rounds of kSteps such steps of equal size; a row's first round is entered in its midst, at an address computed from
/// the count, so that a row costs no branch that follows its length. Rows of a tile are sorted by count, which keeps
/// that one jump predictable.
#pragma once

#include "codegen/x86_encoder.h"
#include "kernels/program.h"
#include "sparsmith/target.h"

namespace sparsmith {

class CompactLowering {
 public:
  CompactLowering(const Program& program, Isa isa, X86Encoder& encoder);

  void enter();       ///< after the pointers of EntryArgs are loaded: moves them to the segment's rows
  void begin_pass();  ///< back to the streams' start
  void end_pass();    ///< Y's and the residual's pointers back to the segment's first row
  void begin_row();
  void products(const Op& op);
  void end_row();

 private:
  int halves() const { return avx512_ || program_.lanes < 16 ? 1 : 2; }
  void step(int i, int sets);
  void load_index(Gpr reg, int32_t disp);

  const Program& program_;
  X86Encoder& e_;
  const bool avx512_;
  const int steps_;
  bool has_residual_ = false;
  size_t row_start_ = 0;
};

/// The code of an entry whose EntryArgs::passes says which of `offsets` to go on at: the first for 1, and so on.
Result<uint32_t> lower_choice(const std::vector<uint32_t>& offsets, X86Encoder& encoder);

}  // namespace sparsmith

/// \file
/// The instructions that X86Encoder knows: LLVM's names for them, and where their operands go.
#pragma once

#include <cstdint>
#include <iterator>

#include "codegen/x86_encoder.h"

namespace sparsmith::x86_forms {

/// The order in which LLVM wants a form's operands. a, b, c: the register arguments of rr() and mem(); m: memory.
enum class Shape : uint8_t {
  aaa,
  aabc,
  abc,
  aam_masked,
  mask_b,
  mask_g,
  a_masked_m,
  ab,
  abi,
  none,
  m,
  am,
  ma,
  abm,
  aabm,
  gm,
  gmi,
  ggm,
  gg,
  ggi,
  gi,
  ddi,
  ggd,
  g,
  dm,
  jump
};

struct FormInfo {
  X86Form form;
  Shape shape;
  const char* avx512;  ///< LLVM's opcode name; null where the ISA has no such form
  const char* avx2;
  int scale = 1;  ///< EVEX: bytes a one-byte displacement counts in
};

inline constexpr FormInfo kForms[] = {
    {X86Form::zero_v, Shape::aaa, "VPXORDZrr", "VXORPSYrr"},
    {X86Form::fma_rr, Shape::aabc, "VFMADD231PSZr", "VFMADD231PSYr"},
    {X86Form::add_rr, Shape::abc, "VADDPSZrr", "VADDPSYrr"},
    {X86Form::mul_rr, Shape::abc, "VMULPSZrr", "VMULPSYrr"},
    {X86Form::max_rr, Shape::abc, "VMAXPSZrr", "VMAXPSYrr"},
    {X86Form::min_rr, Shape::abc, "VMINPSZrr", "VMINPSYrr"},
    {X86Form::blend_sign, Shape::aam_masked, "VMOVAPSZrrk", "VBLENDVPSYrrr"},
    {X86Form::sign_mask, Shape::mask_b, "VPMOVD2MZkr", nullptr},
    {X86Form::set_mask, Shape::mask_g, "KMOVWkr", nullptr},
    {X86Form::copy_v, Shape::ab, "VMOVAPSZrr", "VMOVAPSYrr"},
    {X86Form::shift_v, Shape::abi, "VPSRLDZri", "VPSRLDYri"},
    {X86Form::shift_left_v, Shape::abi, "VPSLLDZri", "VPSLLDYri"},
    {X86Form::sub_rr, Shape::abc, "VSUBPSZrr", "VSUBPSYrr"},
    {X86Form::div_rr, Shape::abc, "VDIVPSZrr", "VDIVPSYrr"},
    {X86Form::product_minus_rr, Shape::aabc, "VFMSUB231PSZr", "VFMSUB231PSYr"},
    {X86Form::scale_rr, Shape::abc, "VSCALEFPSZrr", nullptr},
    {X86Form::or_rr, Shape::abc, "VPORDZrr", "VPORYrr"},
    {X86Form::sub_words_rr, Shape::abc, "VPSUBDZrr", "VPSUBDYrr"},
    {X86Form::zeroupper, Shape::none, "VZEROUPPER", "VZEROUPPER"},
    {X86Form::load_v, Shape::am, "VMOVUPSZrm", "VMOVUPSYrm", 64},
    {X86Form::load_masked_v, Shape::a_masked_m, "VMOVUPSZrmkz", "VMASKMOVPSYrm", 64},
    {X86Form::store_v, Shape::ma, "VMOVUPSZmr", "VMOVUPSYmr", 64},
    {X86Form::load_add_v, Shape::abm, "VADDPSZrm", "VADDPSYrm", 64},
    {X86Form::prefetch_write, Shape::m, "PREFETCHW", "PREFETCHW"},
    {X86Form::prefetch_l2, Shape::m, "PREFETCHT1", "PREFETCHT1"},
    {X86Form::broadcast, Shape::am, "VBROADCASTSSZrm", "VBROADCASTSSYrm", 4},
    {X86Form::fma_bcast, Shape::aabm, "VFMADD231PSZmb", nullptr, 4},
    {X86Form::add_bcast, Shape::abm, "VADDPSZrmb", nullptr, 4},
    {X86Form::mul_bcast, Shape::abm, "VMULPSZrmb", nullptr, 4},
    {X86Form::max_bcast, Shape::abm, "VMAXPSZrmb", nullptr, 4},
    {X86Form::min_bcast, Shape::abm, "VMINPSZrmb", nullptr, 4},
    {X86Form::fma_v, Shape::aabm, "VFMADD231PSZm", "VFMADD231PSYm", 64},
    {X86Form::mul_v, Shape::abm, "VMULPSZrm", "VMULPSYrm", 64},
    {X86Form::horner_v, Shape::aabm, "VFMADD213PSZm", "VFMADD213PSYm", 64},
    {X86Form::and_v, Shape::abm, "VPANDDZrm", "VPANDYrm", 64},
    {X86Form::or_v, Shape::abm, "VPORDZrm", "VPORYrm", 64},
    {X86Form::lookup_v, Shape::aabm, "VPERMI2PSZrm", nullptr, 64},
    {X86Form::lookup_8_v, Shape::abm, nullptr, "VPERMPSYrm"},
    {X86Form::mov_load, Shape::gm, "MOV64rm", "MOV64rm"},
    {X86Form::mov_load32, Shape::dm, "MOV32rm", "MOV32rm"},
    {X86Form::mov_load16, Shape::dm, "MOVZX32rm16", "MOVZX32rm16"},
    {X86Form::imul_load, Shape::gmi, "IMUL64rmi32", "IMUL64rmi32"},
    {X86Form::scale_load, Shape::ggm, "IMUL64rm", "IMUL64rm"},
    {X86Form::add_load, Shape::ggm, "ADD64rm", "ADD64rm"},
    {X86Form::lea, Shape::gm, "LEA64r", "LEA64r"},
    {X86Form::mov_reg, Shape::gg, "MOV64rr", "MOV64rr"},
    {X86Form::add_imm, Shape::ggi, "ADD64ri32", "ADD64ri32"},
    {X86Form::imul_imm, Shape::ggi, "IMUL64rri32", "IMUL64rri32"},
    {X86Form::and_imm, Shape::ddi, "AND32ri8", "AND32ri8"},
    {X86Form::shr_imm, Shape::ddi, "SHR32ri", "SHR32ri"},
    {X86Form::align_imm, Shape::ggi, "AND64ri8", "AND64ri8"},
    {X86Form::mov_imm, Shape::gi, "MOV32ri", "MOV32ri"},
    {X86Form::dec, Shape::ggd, "DEC64r", "DEC64r"},
    {X86Form::push, Shape::g, "PUSH64r", "PUSH64r"},
    {X86Form::pop, Shape::g, "POP64r", "POP64r"},
    {X86Form::jump_not_zero, Shape::jump, "JCC_4", "JCC_4"},
    {X86Form::jump_zero, Shape::jump, "JCC_4", "JCC_4"},
    {X86Form::jump_not_sign, Shape::jump, "JCC_4", "JCC_4"},
    {X86Form::jump_always, Shape::jump, "JMP_4", "JMP_4"},
    {X86Form::jump_register, Shape::g, "JMP64r", "JMP64r"},
    {X86Form::call, Shape::jump, "CALL64pcrel32", "CALL64pcrel32"},
    {X86Form::ret, Shape::none, "RET64", "RET64"},
};
static_assert(std::size(kForms) == static_cast<size_t>(X86Form::count_));
static_assert(static_cast<size_t>(X86Form::count_) <= 64, "a form has six bits in the key of kept bytes");

}  // namespace sparsmith::x86_forms

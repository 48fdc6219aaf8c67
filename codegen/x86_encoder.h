/// \file
/// Turns instruction forms into bytes. LLVM's MC layer encodes each combination of form and registers once; what varies
/// after that is a displacement at a known place, which is patched into the kept bytes. That is how 236,000 nonzeros
/// are emitted in a few milliseconds (compile.json in bench/results).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "sparsmith/result.h"
#include "sparsmith/target.h"

namespace llvm {
class MCCodeEmitter;
}

namespace sparsmith {

class X86Mc;

/// General registers that generated code uses. Up to r11 they are the caller's to save; the others are pushed when
/// used.
enum class Gpr : uint8_t { rax, rcx, rdx, rsi, rdi, r8, r9, r10, r11, rbx, rbp, r12, r13, r14, rsp, rip, none };

/// Instruction forms by shape. _v forms work on a whole vector register, of
/// set_lanes: zmm, ymm or xmm (AVX2: ymm or xmm).
enum class X86Form : uint8_t {
  // vector registers only: (dst, src1, src2)
  zero_v,  ///< dst ^= dst
  fma_rr,  ///< dst += src1 * src2
  add_rr,
  mul_rr,
  max_rr,
  min_rr,      ///< dst = src1 op src2; max and min give src2 when either is NaN
  blend_sign,  ///< dst = sign(src1) ? src2 : dst  (AVX-512: through k1 with sign_mask; AVX2: one vblendvps)
  sign_mask,   ///< k1 = sign bits of src1 (AVX-512)
  set_mask,    ///< k register number dst = the general register number src1 (AVX-512)
  copy_v,      ///< dst = src1
  shift_v,     ///< dst = src1 >> src2, an amount: 32-bit lanes
  shift_left_v,
  sub_rr,
  div_rr,            ///< dst = src1 op src2
  product_minus_rr,  ///< dst = src1 * src2 - dst
  scale_rr,          ///< dst = src1 * 2^src2  (AVX-512)
  or_rr,
  sub_words_rr,  ///< dst = src1 - src2, as words
  zeroupper,
  // vector register and memory: (reg, [src], mem)
  load_v,
  load_masked_v,   ///< reg = [mem] in the lanes of k register number src, else 0; AVX2: src is a vector of sign bits
  store_v,         ///< unaligned
  load_add_v,      ///< reg = src + [mem]
  prefetch_write,  ///< fetch the line of [mem] for writing; no register
  prefetch_l2,     ///< fetch the line of [mem] into L2; no register
  broadcast,       ///< reg = every lane [mem]
  fma_bcast,       ///< reg += src * broadcast [mem]  (AVX-512)
  add_bcast,
  mul_bcast,
  max_bcast,
  min_bcast,  ///< reg = src op broadcast [mem]  (AVX-512)
  fma_v,      ///< reg += src * [mem]
  mul_v,      ///< reg = src * [mem]
  horner_v,   ///< reg = reg * src + [mem]
  and_v,
  or_v,        ///< reg = src op [mem], bit by bit
  lookup_v,    ///< reg = float number reg mod 32 of the 32 floats src, [mem]; lane by lane  (AVX-512)
  lookup_8_v,  ///< reg = float number src mod 8 of the 8 floats [mem]; lane by lane  (AVX2)
  // general registers
  mov_load,    ///< reg = [mem]
  mov_load32,  ///< reg = 32 bits of [mem], zero-extended
  mov_load16,  ///< reg = 16 bits of [mem], zero-extended
  imul_load,   ///< reg = [mem] * imm
  scale_load,  ///< reg *= [mem]
  add_load,    ///< reg += [mem]
  lea,         ///< reg = address of mem
  mov_reg,     ///< reg = src
  add_imm,     ///< reg += imm
  imul_imm,    ///< reg *= imm
  and_imm,     ///< reg &= imm (0 to 127; the upper half is cleared)
  shr_imm,     ///< reg >>= imm (of the lower half; the upper half is cleared)
  align_imm,   ///< reg &= imm (-128 to -1)
  mov_imm,     ///< reg = imm (32 bits, zero-extended)
  dec,         ///< reg -= 1
  push,
  pop,
  jump_not_zero,
  jump_zero,
  jump_not_sign,
  jump_always,
  jump_register,
  call,
  ret,
  count_
};

struct Mem {
  Gpr base;
  int32_t disp = 0;
  Gpr index = Gpr::none;
  uint8_t scale = 1;  ///< of the index: 1, 2, 4 or 8
};

class X86Encoder {
 public:
  static Result<std::unique_ptr<X86Encoder>> create(const Target& target);
  ~X86Encoder();

  /// Floats in the registers of the vector forms from here on: 16, 8 or 4; with AVX2 at most 8, of which 16 are pairs.
  void set_lanes(int lanes);

  void rr(X86Form form, int dst, int src1 = 0, int src2 = 0);
  void mem(X86Form form, int reg, int src, Mem mem);  ///< vector forms
  void load(X86Form form, Gpr reg, Mem mem, int32_t imm = 0);
  void move(Gpr reg, Gpr src);
  void add(Gpr reg, int64_t imm);  ///< nothing when imm is 0
  void set(Gpr reg, int32_t imm);
  void decrement(Gpr reg);
  void push(Gpr reg);
  void pop(Gpr reg);
  void immediate(X86Form form, Gpr reg, int32_t imm);  ///< the _imm forms
  void jump(X86Form form, size_t target);              ///< or a call: backwards, to a size() taken before
  void jump_to(Gpr reg);                               ///< to the address in reg
  void patch(size_t place, int32_t value);             ///< the last four bytes before `place`
  void fail(const std::string& what) { error_ = what; }
  void ret();
  void align(size_t bytes);            ///< pads with int3, between functions
  void align_with_nops(size_t bytes);  ///< pads with instructions that do nothing

  /// reg = address of the byte at a later size(), given to set_address with the position that this returns.
  size_t later_address(Gpr reg);
  void set_address(size_t position, size_t target);
  void bytes(const void* data, size_t size);  ///< constants between functions

  size_t size() const { return code_.size(); }
  std::vector<uint8_t> take() { return std::move(code_); }
  void reserve(size_t bytes) { code_.reserve(bytes); }

  /// Bytes a one-byte displacement of the form counts in (EVEX compresses it), so callers can keep within its reach.
  int displacement_scale(X86Form form) const;
  /// A failure of MC, which makes the code unusable; empty when all is well.
  const std::string& error() const { return error_; }

  /// For the tests: the same instruction encoded by MC alone, without kept bytes.
  std::vector<uint8_t> encode_directly(X86Form form, int reg, int src, Mem mem) {
    return encode(form, reg, src, 0, mem, 0);
  }

 private:
  /// An encoded instruction whose last bytes are its displacement: none, one byte or four.
  struct Template {
    struct Variant {
      uint8_t size = 0;
      std::array<uint8_t, 15> bytes{};
    };
    Variant bare, disp8, disp32;
  };
  /// The templates of one form and third operand (or memory base), by its first two registers.
  using Page = std::array<Template, 32 * 32>;
  struct Names;
  X86Encoder(std::unique_ptr<X86Mc> mc, bool avx512);
  Status resolve();
  /// One instruction through MC. Operands that the form doesn't have are ignored.
  std::vector<uint8_t> encode(X86Form form, int a, int b, int c, Mem mem, int64_t imm);
  Template& kept(X86Form form, int a, int b, int page);
  void put(const Template::Variant& variant) {
    code_.insert(code_.end(), variant.bytes.begin(), variant.bytes.begin() + variant.size);
  }
  void append(const std::vector<uint8_t>& bytes) { code_.insert(code_.end(), bytes.begin(), bytes.end()); }

  std::unique_ptr<X86Mc> mc_;
  std::unique_ptr<llvm::MCCodeEmitter> emitter_;
  std::unique_ptr<Names> names_;
  bool avx512_;
  /// Bytes that were kept for one register width.
  struct Kept {
    std::unordered_map<uint64_t, std::vector<uint8_t>> indexed;  ///< instructions whose memory operand has an index
    std::array<std::unique_ptr<Page>, static_cast<size_t>(X86Form::count_) * 32> pages;
  };
  static constexpr int kWidths = 3;
  std::array<Kept, kWidths> kept_;
  int width_ = 0;  ///< 0: zmm (AVX2: ymm); 1: ymm; 2: xmm
  std::vector<uint8_t> code_;
  std::string error_;
};

}  // namespace sparsmith

#include "codegen/x86_encoder.h"

#include <llvm/ADT/StringMap.h>
#include <llvm/MC/MCCodeEmitter.h>
#include <llvm/MC/MCFixup.h>
#include <llvm/MC/MCInst.h>

#include <algorithm>
#include <cctype>
#include <cstring>

#include "codegen/x86_forms.h"
#include "codegen/x86_mc.h"

namespace sparsmith {
namespace {

using namespace x86_forms;
using llvm::MCInst;
using llvm::MCOperand;

constexpr const char* kGpr64[] = {"RAX", "RCX", "RDX", "RSI", "RDI", "R8",  "R9",  "R10",
                                  "R11", "RBX", "RBP", "R12", "R13", "R14", "RSP", "RIP"};
constexpr const char* kGpr32[] = {"EAX",  "ECX", "EDX", "ESI",  "EDI",  "R8D",  "R9D", "R10D",
                                  "R11D", "EBX", "EBP", "R12D", "R13D", "R14D", "ESP", "EIP"};

bool fits8(int64_t value) { return value >= -128 && value <= 127; }

}  // namespace

namespace {
/// LLVM's name of a form at a width, of that of whole registers: VADDPSZrr, VADDPSZ256rr, VADDPSZ128rr; VADDPSYrr,
/// VADDPSrr.
std::string opcode_name(const char* whole, bool avx512, int width) {
  std::string name = whole;
  const char mark = avx512 ? 'Z' : 'Y';
  for (size_t i = 0; i + 1 < name.size(); ++i) {
    if (name[i] != mark || std::islower(static_cast<unsigned char>(name[i + 1])) == 0) continue;
    if (avx512 && width > 0) name.insert(i + 1, width == 1 ? "256" : "128");
    if (!avx512 && width == 2) name.erase(i, 1);
    break;
  }
  return name;
}
}  // namespace

/// Opcodes and registers, found once by name: LLVM's numbers are not stable from release to release.
struct X86Encoder::Names {
  std::array<std::array<unsigned, std::size(kForms)>, kWidths> opcode{};  ///< by width
  unsigned add_imm8 = 0;
  std::array<std::array<unsigned, 32>, kWidths> vector{};
  std::array<unsigned, std::size(kGpr64)> gpr64{}, gpr32{};
  std::array<unsigned, 8> masks{};
  unsigned gpr(Gpr reg) const { return reg == Gpr::none ? 0 : gpr64[static_cast<size_t>(reg)]; }
};

Result<std::unique_ptr<X86Encoder>> X86Encoder::create(const Target& target) {
  auto mc = X86Mc::create(target);
  if (!mc) return mc.error();
  auto encoder = std::unique_ptr<X86Encoder>(new X86Encoder(std::move(mc).value(), target.isa() == Isa::avx512));
  if (Status resolved = encoder->resolve(); !resolved) return resolved.error();
  return encoder;
}

X86Encoder::X86Encoder(std::unique_ptr<X86Mc> mc, bool avx512)
    : mc_(std::move(mc)),
      emitter_(mc_->target().createMCCodeEmitter(mc_->instructions(), mc_->context())),
      names_(std::make_unique<Names>()),
      avx512_(avx512) {}
X86Encoder::~X86Encoder() = default;

Status X86Encoder::resolve() {
  llvm::StringMap<std::vector<unsigned*>> shared;  // two forms may share an opcode
  for (size_t i = 0; i < std::size(kForms); ++i) {
    const char* const name = avx512_ ? kForms[i].avx512 : kForms[i].avx2;
    for (int w = 0; w < kWidths && name != nullptr; ++w) {
      const int named = kForms[i].form == X86Form::lookup_8_v ? 0 : w;  // has no narrower form
      shared[opcode_name(name, avx512_, named)].push_back(&names_->opcode[static_cast<size_t>(w)][i]);
    }
  }
  shared["ADD64ri8"].push_back(&names_->add_imm8);
  const llvm::MCInstrInfo& instructions = mc_->instructions();
  size_t missing = shared.size();
  for (unsigned i = 0; i < instructions.getNumOpcodes() && missing > 0; ++i) {
    const auto found = shared.find(instructions.getName(i));
    if (found == shared.end()) continue;
    for (unsigned* place : found->second) *place = i;
    --missing;
  }
  for (const auto& entry : shared) {
    if (*entry.second.front() == 0) return internal_error("LLVM has no opcode " + entry.first().str());
  }
  llvm::StringMap<unsigned*> registers;
  for (unsigned i = 0; i < 32; ++i) {
    if (avx512_) registers["ZMM" + std::to_string(i)] = &names_->vector[0][i];
    registers["YMM" + std::to_string(i)] = &names_->vector[1][i];
    registers["XMM" + std::to_string(i)] = &names_->vector[2][i];
  }
  for (size_t i = 0; i < std::size(kGpr64); ++i) {
    registers[kGpr64[i]] = &names_->gpr64[i];
    registers[kGpr32[i]] = &names_->gpr32[i];
  }
  for (size_t i = 0; i < names_->masks.size(); ++i) registers["K" + std::to_string(i)] = &names_->masks[i];
  for (unsigned i = 1; i < mc_->registers().getNumRegs(); ++i) {
    const auto found = registers.find(mc_->registers().getName(i));
    if (found != registers.end()) *found->second = i;
  }
  for (const auto& entry : registers) {
    if (*entry.second == 0) return internal_error("LLVM has no register " + entry.first().str());
  }
  if (!avx512_) names_->vector[0] = names_->vector[1];
  return success();
}

std::vector<uint8_t> X86Encoder::encode(X86Form form, int a, int b, int c, Mem mem, int64_t imm) {
  const FormInfo& info = kForms[static_cast<size_t>(form)];
  MCInst inst;
  inst.setOpcode(names_->opcode[static_cast<size_t>(width_)][static_cast<size_t>(form)]);
  const auto& vectors = names_->vector[static_cast<size_t>(width_)];
  const auto reg = [&](int r) { inst.addOperand(MCOperand::createReg(vectors[static_cast<size_t>(r)])); };
  const auto gpr = [&](int r) { inst.addOperand(MCOperand::createReg(names_->gpr64[static_cast<size_t>(r)])); };
  const auto gpr32 = [&](int r) { inst.addOperand(MCOperand::createReg(names_->gpr32[static_cast<size_t>(r)])); };
  const auto memory = [&] {
    inst.addOperand(MCOperand::createReg(names_->gpr(mem.base)));
    inst.addOperand(MCOperand::createImm(mem.scale));
    inst.addOperand(MCOperand::createReg(names_->gpr(mem.index)));
    inst.addOperand(MCOperand::createImm(mem.disp));
    inst.addOperand(MCOperand::createReg(0));
  };
  switch (info.shape) {
    case Shape::aaa:
      reg(a), reg(a), reg(a);
      break;
    case Shape::aabc:
      reg(a), reg(a), reg(b), reg(c);
      break;
    case Shape::abc:
      reg(a), reg(b), reg(c);
      break;
    case Shape::aam_masked:
      if (avx512_) {
        reg(a), reg(a), inst.addOperand(MCOperand::createReg(names_->masks[1])), reg(c);
      } else {
        reg(a), reg(a), reg(c), reg(b);
      }
      break;
    case Shape::mask_b:
      inst.addOperand(MCOperand::createReg(names_->masks[1])), reg(b);
      break;
    case Shape::mask_g:
      inst.addOperand(MCOperand::createReg(names_->masks[static_cast<size_t>(a)])), gpr32(b);
      break;
    case Shape::a_masked_m:
      reg(a);
      if (avx512_) {
        inst.addOperand(MCOperand::createReg(names_->masks[static_cast<size_t>(b)]));
      } else {
        reg(b);
      }
      memory();
      break;
    case Shape::ab:
      reg(a), reg(b);
      break;
    case Shape::abi:
      reg(a), reg(b), inst.addOperand(MCOperand::createImm(c));
      break;
    case Shape::none:
      break;
    case Shape::m:
      memory();
      break;
    case Shape::am:
      reg(a), memory();
      break;
    case Shape::ma:
      memory(), reg(a);
      break;
    case Shape::abm:
      reg(a), reg(b), memory();
      break;
    case Shape::aabm:
      reg(a), reg(a), reg(b), memory();
      break;
    case Shape::gm:
      gpr(a), memory();
      break;
    case Shape::gmi:
      gpr(a), memory(), inst.addOperand(MCOperand::createImm(imm));
      break;
    case Shape::ggm:
      gpr(a), gpr(a), memory();
      break;
    case Shape::gg:
      gpr(a), gpr(b);
      break;
    case Shape::ggi:
      if (form == X86Form::add_imm && fits8(imm)) inst.setOpcode(names_->add_imm8);
      gpr(a), gpr(a), inst.addOperand(MCOperand::createImm(imm));
      break;
    case Shape::gi:
      gpr32(a), inst.addOperand(MCOperand::createImm(imm));
      break;
    case Shape::ddi:
      gpr32(a), gpr32(a), inst.addOperand(MCOperand::createImm(imm));
      break;
    case Shape::dm:
      gpr32(a), memory();
      break;
    case Shape::ggd:
      gpr(a), gpr(a);
      break;
    case Shape::g:
      gpr(a);
      break;
    case Shape::jump:
      inst.addOperand(MCOperand::createImm(0));
      if (form == X86Form::jump_not_zero) inst.addOperand(MCOperand::createImm(5));  // X86::COND_NE
      if (form == X86Form::jump_zero) inst.addOperand(MCOperand::createImm(4));      // X86::COND_E
      if (form == X86Form::jump_not_sign) inst.addOperand(MCOperand::createImm(9));  // X86::COND_NS
      break;
  }
  // MC doesn't check; an operand list that doesn't fit the opcode would encode something else.
  if (inst.getNumOperands() != mc_->instructions().get(inst.getOpcode()).getNumOperands()) {
    error_ = std::string("operands don't fit LLVM's ") + mc_->instructions().getName(inst.getOpcode()).str();
    return {};
  }
  llvm::SmallVector<char, 16> bytes;
  llvm::SmallVector<llvm::MCFixup, 1> fixups;
  emitter_->encodeInstruction(inst, bytes, fixups, mc_->subtarget());
  if (!fixups.empty() && info.shape != Shape::jump) error_ = "MC left a fixup in an instruction without a label";
  return {bytes.begin(), bytes.end()};
}

X86Encoder::Template& X86Encoder::kept(X86Form form, int a, int b, int page) {
  auto& templates =
      kept_[static_cast<size_t>(width_)].pages[static_cast<size_t>(form) * 32 + static_cast<size_t>(page)];
  if (!templates) templates = std::make_unique<Page>();
  return (*templates)[static_cast<size_t>(a) * 32 + static_cast<size_t>(b)];
}

int X86Encoder::displacement_scale(X86Form form) const {
  constexpr int kElement = 4;
  const int scale = kForms[static_cast<size_t>(form)].scale;
  return !avx512_ ? 1 : scale > kElement ? scale >> width_ : scale;
}

void X86Encoder::set_lanes(int lanes) { width_ = lanes == 16 ? 0 : lanes == 8 ? 1 : 2; }

void X86Encoder::rr(X86Form form, int dst, int src1, int src2) {
  Template& found = kept(form, dst, src1, src2);
  if (found.bare.size == 0) {
    const std::vector<uint8_t> bytes = encode(form, dst, src1, src2, {Gpr::none}, 0);
    found.bare.size = static_cast<uint8_t>(bytes.size());
    std::copy(bytes.begin(), bytes.end(), found.bare.bytes.begin());
  }
  put(found.bare);
}

void X86Encoder::mem(X86Form form, int reg, int src, Mem mem) {
  if (mem.index != Gpr::none) {
    const uint64_t key = static_cast<uint64_t>(static_cast<uint32_t>(mem.disp)) << 32 |
                         static_cast<uint64_t>(form) << 26 | static_cast<uint64_t>(reg) << 20 |
                         static_cast<uint64_t>(src) << 14 | static_cast<uint64_t>(mem.base) << 9 |
                         static_cast<uint64_t>(mem.index) << 4 | mem.scale;
    std::vector<uint8_t>& bytes = kept_[static_cast<size_t>(width_)].indexed[key];
    if (bytes.empty()) bytes = encode(form, reg, src, 0, mem, 0);
    return append(bytes);
  }
  const int scale = displacement_scale(form);
  Template& found = kept(form, reg, src, static_cast<int>(mem.base));
  if (found.bare.size == 0) {
    const auto variant = [&](int32_t disp, Template::Variant& result) {
      const std::vector<uint8_t> bytes = encode(form, reg, src, 0, {mem.base, disp}, 0);
      result.size = static_cast<uint8_t>(bytes.size());
      std::copy(bytes.begin(), bytes.end(), result.bytes.begin());
    };
    variant(0, found.bare);
    variant(scale, found.disp8);
    variant(0x10000001, found.disp32);
    if (found.bare.size + 1 != found.disp8.size || found.disp8.size + 3 != found.disp32.size) {
      error_ = "an instruction's displacement is not at its end";
    }
  }
  if (mem.disp == 0) return put(found.bare);
  if (mem.disp % scale == 0 && fits8(mem.disp / scale)) {
    put(found.disp8);
    code_.back() = static_cast<uint8_t>(mem.disp / scale);
  } else {
    put(found.disp32);
    std::memcpy(&code_[code_.size() - 4], &mem.disp, 4);
  }
}

void X86Encoder::load(X86Form form, Gpr reg, Mem mem, int32_t imm) {
  append(encode(form, static_cast<int>(reg), 0, 0, mem, imm));
}
void X86Encoder::move(Gpr reg, Gpr src) {
  append(encode(X86Form::mov_reg, static_cast<int>(reg), static_cast<int>(src), 0, {Gpr::none}, 0));
}
void X86Encoder::add(Gpr reg, int64_t imm) {
  // A step past 2 GB (33 million rows of X) takes several.
  constexpr int64_t kMost = int64_t{1} << 30;
  while (imm != 0) {
    const int64_t step = std::clamp(imm, -kMost, kMost);
    append(encode(X86Form::add_imm, static_cast<int>(reg), 0, 0, {Gpr::none}, step));
    imm -= step;
  }
}
void X86Encoder::set(Gpr reg, int32_t imm) {
  append(encode(X86Form::mov_imm, static_cast<int>(reg), 0, 0, {Gpr::none}, imm));
}
void X86Encoder::decrement(Gpr reg) { append(encode(X86Form::dec, static_cast<int>(reg), 0, 0, {Gpr::none}, 0)); }
void X86Encoder::push(Gpr reg) { append(encode(X86Form::push, static_cast<int>(reg), 0, 0, {Gpr::none}, 0)); }
void X86Encoder::pop(Gpr reg) { append(encode(X86Form::pop, static_cast<int>(reg), 0, 0, {Gpr::none}, 0)); }
void X86Encoder::immediate(X86Form form, Gpr reg, int32_t imm) {
  append(encode(form, static_cast<int>(reg), 0, 0, {Gpr::none}, imm));
}
void X86Encoder::jump_to(Gpr reg) {
  append(encode(X86Form::jump_register, static_cast<int>(reg), 0, 0, {Gpr::none}, 0));
}
void X86Encoder::patch(size_t place, int32_t value) { std::memcpy(&code_[place - 4], &value, 4); }
void X86Encoder::jump(X86Form form, size_t target) {
  append(encode(form, 0, 0, 0, {Gpr::none}, 0));
  const auto distance = static_cast<int64_t>(target) - static_cast<int64_t>(code_.size());
  const auto offset = static_cast<int32_t>(distance);
  if (offset != distance) error_ = "a loop of more than 2 GB of code";
  std::memcpy(&code_[code_.size() - 4], &offset, 4);
}
size_t X86Encoder::later_address(Gpr reg) {
  load(X86Form::lea, reg, {Gpr::rip, 0});
  return code_.size();
}
void X86Encoder::set_address(size_t position, size_t target) {
  const auto distance = static_cast<int64_t>(target) - static_cast<int64_t>(position);
  const auto offset = static_cast<int32_t>(distance);
  if (offset != distance) error_ = "constants more than 2 GB from their code";
  std::memcpy(&code_[position - 4], &offset, 4);
}
void X86Encoder::bytes(const void* data, size_t size) {
  const auto* first = static_cast<const uint8_t*>(data);
  code_.insert(code_.end(), first, first + size);
}
void X86Encoder::ret() { append(encode(X86Form::ret, 0, 0, 0, {Gpr::none}, 0)); }
void X86Encoder::align(size_t bytes) {
  while (code_.size() % bytes != 0) code_.push_back(0xcc);
}
void X86Encoder::align_with_nops(size_t bytes) {
  // The longest NOP that every x86-64 decodes without penalty, then single bytes.
  constexpr uint8_t kLong[] = {0x66, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0};
  size_t missing = (bytes - code_.size() % bytes) % bytes;
  for (; missing >= sizeof(kLong); missing -= sizeof(kLong)) code_.insert(code_.end(), kLong, kLong + sizeof(kLong));
  code_.insert(code_.end(), missing, 0x90);
}

}  // namespace sparsmith

#include <llvm/MC/MCDisassembler/MCDisassembler.h>
#include <llvm/MC/MCInst.h>
#include <llvm/MC/MCInstPrinter.h>
#include <llvm/Support/raw_ostream.h>

#include "codegen/code_generator.h"
#include "codegen/x86_mc.h"

namespace sparsmith {
namespace {

/// Follows the value stream's base register through straight-line code: additions of constants move it, memory operands
/// on it name a slot.
class ValueStream {
 public:
  ValueStream(const llvm::MCInstrInfo& instructions, const llvm::MCRegisterInfo& registers)
      : instructions_(instructions), registers_(registers) {}

  int64_t slot(const llvm::MCInst& inst) {
    const llvm::StringRef name = instructions_.getName(inst.getOpcode());
    if (name.starts_with("ADD64ri") && is_base(inst.getOperand(0))) {
      position_ += inst.getOperand(2).getImm();
      return -1;
    }
    if (name == "MOV64rm" || name.starts_with("ADD64") || name.starts_with("LEA")) return -1;
    // A memory reference is five operands: base, scale, index, displacement, segment.
    for (unsigned i = 0; i + 5 <= inst.getNumOperands(); ++i) {
      if (is_base(inst.getOperand(i)) && inst.getOperand(i + 1).isImm() && inst.getOperand(i + 3).isImm()) {
        return (position_ + inst.getOperand(i + 3).getImm()) / 4;
      }
    }
    return -1;
  }

 private:
  bool is_base(const llvm::MCOperand& operand) const {
    return operand.isReg() && operand.getReg() != 0 && llvm::StringRef(registers_.getName(operand.getReg())) == "RCX";
  }
  const llvm::MCInstrInfo& instructions_;
  const llvm::MCRegisterInfo& registers_;
  int64_t position_ = 0;  ///< bytes past the segment's first value
};

}  // namespace

Result<std::vector<Instruction>> decode(const Target& target, const uint8_t* code, size_t begin, size_t end) {
  auto created = X86Mc::create(target);
  if (!created) return created.error();
  X86Mc& mc = **created;
  const std::unique_ptr<llvm::MCDisassembler> disassembler(
      mc.target().createMCDisassembler(mc.subtarget(), mc.context()));
  const std::unique_ptr<llvm::MCInstPrinter> printer(
      mc.target().createMCInstPrinter(mc.triple(), 1, mc.asm_info(), mc.instructions(), mc.registers()));
  if (!disassembler || !printer) return internal_error("LLVM could not set up its x86-64 disassembler");
  printer->setPrintImmHex(false);

  ValueStream stream(mc.instructions(), mc.registers());
  std::vector<Instruction> result;
  for (size_t at = begin; at < end;) {
    llvm::MCInst inst;
    uint64_t size = 0;
    const auto status =
        disassembler->getInstruction(inst, size, llvm::ArrayRef(code + at, end - at), at, llvm::nulls());
    if (status != llvm::MCDisassembler::Success || size == 0) {
      return internal_error("the bytes at code offset " + std::to_string(at) + " are no instruction of " +
                            target.to_string());
    }
    Instruction decoded;
    decoded.offset = at;
    llvm::raw_string_ostream text(decoded.text);
    printer->printInst(&inst, at, "", mc.subtarget(), text);
    decoded.slot = stream.slot(inst);
    result.push_back(std::move(decoded));
    at += size;
    const llvm::MCInstrDesc& described = mc.instructions().get(inst.getOpcode());
    if (described.isReturn() || (described.isUnconditionalBranch() && !described.isIndirectBranch())) break;
  }
  return result;
}

}  // namespace sparsmith

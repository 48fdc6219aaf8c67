#include "codegen/x86_mc.h"

#include <mutex>

extern "C" {
void LLVMInitializeX86TargetInfo();
void LLVMInitializeX86TargetMC();
void LLVMInitializeX86Disassembler();
}

namespace sparsmith {

Result<std::unique_ptr<X86Mc>> X86Mc::create(const Target& target) {
  static std::once_flag registered;  // LLVM's target registry is process-wide
  std::call_once(registered, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86Disassembler();
  });
  auto mc = std::unique_ptr<X86Mc>(new X86Mc);
  std::string error;
  mc->target_ = llvm::TargetRegistry::lookupTarget(mc->triple_, error);
  if (!mc->target_) return internal_error("LLVM has no x86-64 target: " + error);
  std::string features;
  for (const std::string& feature : target.features()) features += (features.empty() ? "+" : ",+") + feature;
  mc->registers_.reset(mc->target_->createMCRegInfo(mc->triple_));
  mc->asm_info_.reset(mc->target_->createMCAsmInfo(*mc->registers_, mc->triple_, mc->options_));
  mc->instructions_.reset(mc->target_->createMCInstrInfo());
  mc->subtarget_.reset(mc->target_->createMCSubtargetInfo(mc->triple_, "x86-64", features));
  if (!mc->registers_ || !mc->asm_info_ || !mc->instructions_ || !mc->subtarget_) {
    return internal_error("LLVM could not set up its MC layer for x86-64");
  }
  mc->context_ =
      std::make_unique<llvm::MCContext>(mc->triple_, mc->asm_info_.get(), mc->registers_.get(), mc->subtarget_.get());
  return mc;
}

}  // namespace sparsmith

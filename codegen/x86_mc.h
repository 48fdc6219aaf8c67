/// \file
/// LLVM's MC layer for x86-64, set up once per use: what encodes and what decodes machine instructions.
#pragma once

#include <llvm/MC/MCAsmInfo.h>
#include <llvm/MC/MCCodeEmitter.h>
#include <llvm/MC/MCContext.h>
#include <llvm/MC/MCInstrInfo.h>
#include <llvm/MC/MCRegisterInfo.h>
#include <llvm/MC/MCSubtargetInfo.h>
#include <llvm/MC/MCTargetOptions.h>
#include <llvm/MC/TargetRegistry.h>

#include <memory>

#include "sparsmith/result.h"
#include "sparsmith/target.h"

namespace sparsmith {

/// Owns the MC objects of one target. Not thread-safe; about a millisecond to make.
class X86Mc {
 public:
  static Result<std::unique_ptr<X86Mc>> create(const Target& target);

  const llvm::Target& target() const { return *target_; }
  const llvm::MCInstrInfo& instructions() const { return *instructions_; }
  const llvm::MCRegisterInfo& registers() const { return *registers_; }
  const llvm::MCSubtargetInfo& subtarget() const { return *subtarget_; }
  const llvm::MCAsmInfo& asm_info() const { return *asm_info_; }
  llvm::MCContext& context() { return *context_; }
  const llvm::Triple& triple() const { return triple_; }

 private:
  X86Mc() : triple_("x86_64-unknown-linux-gnu") {}
  llvm::Triple triple_;
  const llvm::Target* target_ = nullptr;
  llvm::MCTargetOptions options_;
  std::unique_ptr<llvm::MCRegisterInfo> registers_;
  std::unique_ptr<llvm::MCAsmInfo> asm_info_;
  std::unique_ptr<llvm::MCInstrInfo> instructions_;
  std::unique_ptr<llvm::MCSubtargetInfo> subtarget_;
  std::unique_ptr<llvm::MCContext> context_;
};

}  // namespace sparsmith

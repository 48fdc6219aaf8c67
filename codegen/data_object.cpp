#include "codegen/data_object.h"

#include <llvm/ADT/SmallVector.h>
#include <llvm/BinaryFormat/ELF.h>
#include <llvm/MC/MCAsmBackend.h>
#include <llvm/MC/MCExpr.h>
#include <llvm/MC/MCObjectFileInfo.h>
#include <llvm/MC/MCObjectWriter.h>
#include <llvm/MC/MCSectionELF.h>
#include <llvm/MC/MCStreamer.h>
#include <llvm/MC/MCSymbol.h>
#include <llvm/Support/raw_ostream.h>

#include "codegen/x86_mc.h"

namespace sparsmith {

Result<std::string> data_object(std::span<const DataSymbol> symbols) {
  // There is no code in it: any target will do.
  const auto target = Target::parse("x86-64-v3");
  if (!target) return target.error();
  auto mc = X86Mc::create(*target);
  if (!mc) return mc.error();
  llvm::MCContext& context = (*mc)->context();
  const llvm::MCSubtargetInfo& subtarget = (*mc)->subtarget();
  const llvm::MCTargetOptions options;
  std::unique_ptr<llvm::MCAsmBackend> backend(
      (*mc)->target().createMCAsmBackend(subtarget, (*mc)->registers(), options));
  std::unique_ptr<llvm::MCCodeEmitter> emitter((*mc)->target().createMCCodeEmitter((*mc)->instructions(), context));
  if (!backend || !emitter) return internal_error("LLVM could not set up its object writer for x86-64");

  llvm::MCObjectFileInfo info;
  info.initMCObjectFileInfo(context, /*PIC=*/true);
  context.setObjectFileInfo(&info);
  llvm::SmallVector<char, 0> file;
  llvm::raw_svector_ostream out(file);
  auto writer = backend->createObjectWriter(out);
  std::unique_ptr<llvm::MCStreamer> streamer((*mc)->target().createMCObjectStreamer(
      (*mc)->triple(), context, std::move(backend), std::move(writer), std::move(emitter), subtarget));
  if (!streamer) return internal_error("LLVM could not set up its object streamer for x86-64");
  streamer->initSections(/*NoExecStack=*/true, subtarget);
  // Linkers take an object without this section to need a stack that runs code.
  streamer->switchSection(context.getELFSection(".note.GNU-stack", llvm::ELF::SHT_PROGBITS, 0));
  for (const DataSymbol& symbol : symbols) {
    streamer->switchSection(
        context.getELFSection(".rodata." + symbol.name, llvm::ELF::SHT_PROGBITS, llvm::ELF::SHF_ALLOC));
    streamer->emitValueToAlignment(llvm::Align(symbol.alignment));
    llvm::MCSymbol* const label = context.getOrCreateSymbol(symbol.name);
    streamer->emitSymbolAttribute(label, llvm::MCSA_Global);
    streamer->emitSymbolAttribute(label, llvm::MCSA_ELF_TypeObject);
    streamer->emitLabel(label);
    streamer->emitBytes({symbol.bytes.data(), symbol.bytes.size()});
    streamer->emitELFSize(label, llvm::MCConstantExpr::create(static_cast<int64_t>(symbol.bytes.size()), context));
  }
  streamer->finish();
  if (context.hadError()) return internal_error("LLVM could not write an object file");
  return std::string(file.data(), file.size());
}

}  // namespace sparsmith

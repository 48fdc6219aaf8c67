#include "codegen/code_generator.h"

#include "codegen/x86_compact.h"
#include "codegen/x86_encoder.h"
#include "codegen/x86_lower.h"

namespace sparsmith {
namespace {

class X86Generator final : public CodeGenerator {
 public:
  X86Generator(Isa isa, std::unique_ptr<X86Encoder> encoder)
      : isa_(isa), encoder_(std::move(encoder)), functions_(isa, *encoder_) {}
  Result<uint32_t> add(const Program& program) override { return lower(program, isa_, functions_, *encoder_); }
  Result<uint32_t> add_choice(const std::vector<uint32_t>& offsets) override {
    return lower_choice(offsets, *encoder_);
  }
  size_t size() const override { return encoder_->size(); }
  std::vector<uint8_t> take() override { return encoder_->take(); }

 private:
  Isa isa_;
  std::unique_ptr<X86Encoder> encoder_;
  X86Functions functions_;
};

}  // namespace

Result<std::unique_ptr<CodeGenerator>> CodeGenerator::create(const Target& target) {
  auto encoder = X86Encoder::create(target);
  if (!encoder) return encoder.error();
  return std::unique_ptr<CodeGenerator>(new X86Generator(target.isa(), std::move(encoder).value()));
}

const char* llvm_version() { return SPARSMITH_LLVM; }

}  // namespace sparsmith

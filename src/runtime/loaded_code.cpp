#include "runtime/loaded_code.h"

#include "runtime/profiling.h"
#include "sparsmith/target.h"

namespace sparsmith {

Result<std::shared_ptr<const LoadedCode>> load_code(KernelImage image) {
  Result<Target> target = Target::parse(image.target);
  if (!target) return target.error();
  std::string missing = target->missing_on_host();
  Result<ExecutableMemory> memory = ExecutableMemory::create(image.code.data(), image.code.size(), missing.empty());
  if (!memory) return memory.error();

  auto code = std::make_unique<LoadedCode>();
  code->code_bytes = image.code.size();
  code->memory = *std::move(memory);
  code->missing_feature = std::move(missing);
  code->image = std::move(image);
  code->image.code = {};
  code->image.values = {};
  if (!code->missing_feature.empty()) return std::shared_ptr<const LoadedCode>(std::move(code));

  announce_code(code->image, code->memory.data(), code->code_bytes);
  return std::shared_ptr<const LoadedCode>(code.release(), [](const LoadedCode* last) {
    retract_code(last->memory.data());
    delete last;
  });
}

}  // namespace sparsmith

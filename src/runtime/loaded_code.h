/// \file
/// An image whose code is mapped executable. Shared by the kernels of one pattern; unmapped with the last of them.
#pragma once

#include <memory>

#include "artifact/image.h"
#include "sparsmith/result.h"

namespace sparsmith {

/// Executable pages: written once through a writable mapping, then only readable and executable. Move-only.
class ExecutableMemory {
 public:
  /// `executable` false maps the bytes read-only: code for another machine, to be saved or disassembled.
  static Result<ExecutableMemory> create(const void* code, size_t size, bool executable = true);
  ExecutableMemory() = default;
  ExecutableMemory(ExecutableMemory&& other) noexcept;
  ExecutableMemory& operator=(ExecutableMemory&& other) noexcept;
  ~ExecutableMemory();
  const uint8_t* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  uint8_t* data_ = nullptr;
  size_t size_ = 0;  ///< mapped bytes
};

struct LoadedCode {
  KernelImage image;  ///< code and values moved out
  ExecutableMemory memory;
  size_t code_bytes = 0;
  std::string missing_feature;  ///< empty when the code runs on this CPU; else Kernel::run refuses, naming it
  Entry entry(uint32_t offset) const { return reinterpret_cast<Entry>(const_cast<uint8_t*>(memory.data() + offset)); }
};

/// Maps the image's code and announces it to perf and gdb when asked to (profiling.h). Code that this CPU lacks a
/// feature for is mapped without execute permission, with missing_feature set. Takes image.code; image.values must have
/// been taken by the caller.
Result<std::shared_ptr<const LoadedCode>> load_code(KernelImage image);

}  // namespace sparsmith

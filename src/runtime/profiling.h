/// \file
/// Makes generated code visible to profilers and debuggers, when the environment asks for it:
///   SPARSMITH_PERF=map (or 1)   lines in /tmp/perf-<pid>.map, which `perf report` reads
///   SPARSMITH_PERF=jitdump      jit-<pid>.dump in $JITDUMPDIR or the working directory, for `perf inject --jit`
///   SPARSMITH_GDB=1             symbols through gdb's JIT interface
/// The first two may be given together, with a comma. What can't be written is said once on standard error.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "artifact/image.h"

namespace sparsmith {

/// A named piece of mapped code.
struct CodeRange {
  const uint8_t* begin = nullptr;
  size_t size = 0;
  std::string name;
};

/// The pieces of an image's code at `base`: `<symbol>_t<tile>_k<kblock>` per segment, `..._single` for its one-panel
/// form, in ascending order and without gaps.
std::vector<CodeRange> code_ranges(const KernelImage& image, const uint8_t* base, size_t code_bytes);

/// Tells whoever the environment names. Thread-safe.
void announce_code(const KernelImage& image, const uint8_t* base, size_t code_bytes);
/// Before the code at `base` is unmapped: withdraws it from gdb. Perf's formats know no unloading.
void retract_code(const uint8_t* base);

// The parts.
void append_perf_map(std::span<const CodeRange> ranges);
void append_jitdump(std::span<const CodeRange> ranges);
void register_with_gdb(std::span<const CodeRange> ranges, const uint8_t* base, size_t code_bytes);
void unregister_from_gdb(const uint8_t* base);

}  // namespace sparsmith

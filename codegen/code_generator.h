/// \file
/// The door between kernels and targets: takes Programs one by one, gives their code. No LLVM type passes it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/program.h"
#include "sparsmith/result.h"
#include "sparsmith/target.h"

namespace sparsmith {

class CodeGenerator {
 public:
  static Result<std::unique_ptr<CodeGenerator>> create(const Target& target);
  virtual ~CodeGenerator() = default;

  /// Appends one function of type Entry; returns its offset in the code.
  virtual Result<uint32_t> add(const Program& program) = 0;
  /// Appends an entry that goes on at the offsets[EntryArgs::passes - 1]; returns its own offset.
  virtual Result<uint32_t> add_choice(const std::vector<uint32_t>& offsets) = 0;
  virtual size_t size() const = 0;
  virtual std::vector<uint8_t> take() = 0;
};

/// One decoded instruction.
struct Instruction {
  uint64_t offset = 0;  ///< in the code
  std::string text;
  /// The value slot that a multiply-accumulate or broadcast reads, relative to its segment's values; -1 if none. In a
  /// loop: of the first round.
  int64_t slot = -1;
};

/// Decodes the function at [begin, end) of `code`, made by CodeGenerator for `target`, up to its return or, of a
/// choice, its last jump. Bytes that don't decode are an internal error naming the offset. Code for any target decodes
/// on any machine.
Result<std::vector<Instruction>> decode(const Target& target, const uint8_t* code, size_t begin, size_t end);

/// "22.1.8": the LLVM that code is made with; part of every cache key.
const char* llvm_version();

}  // namespace sparsmith

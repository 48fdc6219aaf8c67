#include <algorithm>
#include <cstdio>
#include <new>
#include <set>

#include "codegen/code_generator.h"
#include "runtime/kernel_impl.h"
#include "sparsmith/compiler.h"

namespace sparsmith {
namespace {

/// What a packed value is, in words: `W[row, column]` or the parameter it is.
class SlotNames {
 public:
  explicit SlotNames(const KernelImage& image) : image_(image) {}

  std::string name(size_t slot) const {
    if (slot >= image_.value_sources.size()) return "past the values";
    const ValueSource source = image_.value_sources[slot];
    const std::string index = "[" + std::to_string(source.index()) + "]";
    switch (source.kind()) {
      case ValueKind::weight:
        return weight(source.index());
      case ValueKind::bias:
        return "bias" + index;
      case ValueKind::row_scale:
        return "scale" + index;
      case ValueKind::prelu_slope:
        return "slope" + index;
      case ValueKind::alpha:
        return "alpha";
      case ValueKind::lo:
        return "lo";
      case ValueKind::hi:
        return "hi";
      case ValueKind::zero:
        return "0";
      case ValueKind::beta:
        return "beta";
      case ValueKind::literal:
        return std::to_string(kLiterals[source.index()]);
    }
    return "?";
  }

 private:
  std::string weight(uint32_t index) const {
    const auto& offsets = image_.row_offsets;
    const auto row =
        std::upper_bound(offsets.begin(), offsets.end(), static_cast<int64_t>(index)) - offsets.begin() - 1;
    return "W[" + std::to_string(row) + ", " + std::to_string(image_.columns[index]) + "]";
  }
  const KernelImage& image_;
};

/// The code of a list of segments. What is said of slots: of a loop, those of its first round; of vectors, that of lane
/// 0.
Status append_segments(const LoadedCode& code, const Target& target, const SlotNames& names, const Schedule& schedule,
                       const std::vector<Segment>& segments, const std::string& suffix, std::string& text) {
  if (schedule.form == Form::dense)
    text +=
        "(weights behind instructions in a loop over K are those of its first round, and of the first of the tiles "
        "that share the code)\n";
  if (schedule.form == Form::vector) {
    text += "(weights behind instructions are those of the first of " + std::to_string(schedule.lanes) + " lanes)\n";
  }
  const std::string symbol = code.image.symbol + suffix;
  const bool compact = schedule.form == Form::compact;
  if (compact) {
    text += "(one loop for all nonzeros, whose columns are data too (" + std::to_string(code.image.indices.size()) +
            " bytes): no instruction belongs to one of them)\n";
  }
  std::set<uint32_t> shown;
  char line[320];
  for (const Segment& segment : segments) {
    for (const uint32_t offset : std::set{segment.main_offset, segment.single_offset}) {
      if (!shown.insert(offset).second) continue;  // shared
      std::snprintf(line, sizeof line, "\n%s_t%u_k%u%s:  ; %u rows\n", symbol.c_str(), segment.tile, segment.k_block,
                    offset == segment.single_offset && offset != segment.main_offset ? "_single" : "", segment.rows);
      text += line;
      auto instructions = decode(target, code.memory.data(), offset, code.code_bytes);
      if (!instructions) return instructions.error();
      for (const Instruction& instruction : *instructions) {
        std::snprintf(line, sizeof line, "  %8llx  %s", static_cast<unsigned long long>(instruction.offset),
                      instruction.text.c_str() + (instruction.text[0] == '\t' ? 1 : 0));
        text += line;
        if (instruction.slot >= 0 && !compact) {
          text += "  ; " + names.name(segment.value_offset + static_cast<size_t>(instruction.slot));
        }
        text += '\n';
      }
    }
  }
  return success();
}

Result<std::string> disassemble_code(const Kernel& kernel) {
  const LoadedCode& code = *kernel.impl().code;
  const KernelImage& image = code.image;
  auto target = Target::parse(image.target);
  if (!target) return target.error();
  const SlotNames names(image);
  std::string text = image.symbol + ": " + image.target + ", " + std::to_string(code.code_bytes) + " bytes, " +
                     std::to_string(image.segments.size()) + " segments\n";
  if (Status added = append_segments(code, *target, names, image.plan.chosen, image.segments, "", text); !added) {
    return added.error();
  }
  for (const Variant& variant : image.variants) {
    const std::string suffix = "_n" + std::to_string(variant.most_columns);
    text += "\nFor calls of at most " + std::to_string(variant.most_columns) +
            " columns: " + variant.schedule.describe() + "\n";
    if (Status added = append_segments(code, *target, names, variant.schedule, variant.segments, suffix, text);
        !added) {
      return added.error();
    }
  }
  return text;
}

}  // namespace

Result<std::string> disassemble(const Kernel& kernel) {
  try {
    return disassemble_code(kernel);
  } catch (const std::bad_alloc&) {
    return unsuitable("no memory for the disassembly of " + kernel.symbol());
  }
}

}  // namespace sparsmith

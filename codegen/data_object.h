/// \file
/// Data as an object file that a linker takes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "sparsmith/result.h"

namespace sparsmith {

struct DataSymbol {
  std::string name;  ///< a C identifier
  std::string_view bytes;
  uint32_t alignment = 1;  ///< a power of two
};

/// An ELF relocatable file for x86-64: each symbol a global object in a read-only section of its own, so that linkers
/// can drop those that nothing names.
Result<std::string> data_object(std::span<const DataSymbol> symbols);

}  // namespace sparsmith

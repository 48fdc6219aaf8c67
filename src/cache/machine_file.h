/// \file
/// Measured machine costs as a small text file: `name value` lines between a first line that says what it is and a last
/// one that holds a digest of all before it.
#pragma once

#include <string>
#include <string_view>

#include "sparsmith/calibrate.h"

namespace sparsmith {

std::string machine_text(const MachineCosts& costs);

/// bad_input, naming `path` and what is wrong: not such a file, damaged, or with numbers that can't be costs.
Result<MachineCosts> parse_machine_text(std::string_view text, const std::string& path);

/// "machine-avx512-<digest of the CPU>.txt": one for each kind of machine that shares a cache.
std::string machine_file_name(const std::string& cpu, Isa isa);

inline constexpr int64_t kMaxMachineBytes = 16 << 10;

}  // namespace sparsmith

/// \file
/// Writing files: to a temporary one beside the target, then rename, so that no reader sees half of it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "sparsmith/result.h"

namespace sparsmith::load {

/// Writes the pieces one after the other. A link stays a link; into a device or pipe they are written as they come.
Status write_file(const std::string& path, std::span<const std::string_view> pieces);

/// Preamble and header of an .npy file, version 1, in C order; data follows.
Result<std::string> make_npy_header(const std::string& descr, std::span<const int64_t> shape,
                                    const std::string& origin);

}  // namespace sparsmith::load

/// \file
/// Formats are told by a file's suffix, in any case.
#pragma once

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <string_view>

namespace sparsmith::load {

/// `suffix` in lower case, with its dot.
inline bool has_suffix(std::string_view path, std::string_view suffix) {
  return path.size() > suffix.size() &&
         std::equal(suffix.begin(), suffix.end(), path.end() - static_cast<std::ptrdiff_t>(suffix.size()),
                    [](char a, char b) { return a == std::tolower(static_cast<unsigned char>(b)); });
}

}  // namespace sparsmith::load

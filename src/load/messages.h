/// \file
/// How the readers word what they found: file text is quoted with control characters made visible and cut short, so
/// that a hostile file can't write to the terminal.
#pragma once

#include <cstdint>
#include <new>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include "sparsmith/result.h"

namespace sparsmith::load {

/// The arguments, streamed one after the other.
template <class... Parts>
std::string join(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  return std::move(text).str();
}

/// Bytes outside printable ASCII as \xNN; at most 100 bytes of the text.
std::string escaped(std::string_view text);
/// The same in double quotes.
std::string visible(std::string_view text);

/// "(64, 32)", as numpy prints a shape.
std::string shape_text(std::span<const int64_t> shape);

/// The error of a layer below, with the file's name in front.
Error in_file(const std::string& origin, const Error& error);

/// Runs a reader; running out of memory becomes an Error, as nothing may throw across the library's edge.
template <class Read>
auto guarded(const std::string& origin, Read read) -> decltype(read()) {
  try {
    return read();
  } catch (const std::bad_alloc&) {
    return unsuitable(join(origin, ": not enough memory to read it"));
  } catch (const std::length_error&) {
    return unsuitable(join(origin, ": too large to read into memory"));
  }
}

}  // namespace sparsmith::load

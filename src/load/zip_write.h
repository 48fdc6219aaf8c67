/// \file
/// A writer of .zip archives whose members are stored as they are.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "sparsmith/result.h"

namespace sparsmith::load {

/// A member: its name, and its content in two parts. Not owned but for the name.
struct ZipContent {
  std::string name;
  std::string_view head, body;
};

/// An archive as pieces to be written one after the other: headers that it owns, and the members' contents.
struct ZipPieces {
  std::deque<std::string> headers;
  std::vector<std::string_view> pieces;
};

/// Sizes and offsets of `zip64_from` and more go to zip64 fields, which not every reader of the format knows.
/// bad_input: a name that is too long.
Result<ZipPieces> make_zip(const std::vector<ZipContent>& members, const std::string& origin,
                           uint64_t zip64_from = UINT32_MAX);

}  // namespace sparsmith::load

/// \file
/// Small PNG pictures with a palette, for pages that hold everything they show.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

namespace sparsmith::cli {

using Colour = std::array<uint8_t, 3>;  ///< red, green, blue

/// A PNG file of width x height palette indices, row by row.
std::string encode_png(int width, int height, std::span<const uint8_t> indices, std::span<const Colour> palette);

/// "data:image/png;base64,..."
std::string png_data_uri(const std::string& png);

}  // namespace sparsmith::cli

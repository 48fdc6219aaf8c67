#include "cli/png.h"

#include <zlib.h>

#include <vector>

#include "cli/report.h"

namespace sparsmith::cli {
namespace {

void append_big_endian(std::string& text, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(value >> shift & 0xff);
}

void append_chunk(std::string& file, const char* type, const std::string& data) {
  const std::string body = type + data;
  append_big_endian(file, static_cast<uint32_t>(data.size()));
  file += body;
  append_big_endian(file, static_cast<uint32_t>(
                              crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()))));
}

std::string deflate_all(const std::vector<uint8_t>& raw) {
  uLongf size = compressBound(raw.size());
  std::string packed(size, '\0');
  if (compress2(reinterpret_cast<Bytef*>(packed.data()), &size, raw.data(), raw.size(), Z_BEST_COMPRESSION) != Z_OK)
    throw Failure{internal_error("zlib could not compress the pattern's picture")};
  packed.resize(size);
  return packed;
}

}  // namespace

std::string encode_png(int width, int height, std::span<const uint8_t> indices, std::span<const Colour> palette) {
  std::string header;
  append_big_endian(header, static_cast<uint32_t>(width));
  append_big_endian(header, static_cast<uint32_t>(height));
  header += std::string("\x08\x03\x00\x00\x00", 5);  // 8 bits, palette, deflate, no filter, not interlaced

  std::string colours;
  for (const Colour& colour : palette)
    for (uint8_t part : colour) colours += static_cast<char>(part);

  std::vector<uint8_t> raw;
  raw.reserve(static_cast<size_t>(height) * (static_cast<size_t>(width) + 1));
  for (int row = 0; row < height; ++row) {
    raw.push_back(0);
    const auto line =
        indices.subspan(static_cast<size_t>(row) * static_cast<size_t>(width), static_cast<size_t>(width));
    raw.insert(raw.end(), line.begin(), line.end());
  }

  std::string file("\x89PNG\r\n\x1a\n", 8);
  append_chunk(file, "IHDR", header);
  append_chunk(file, "PLTE", colours);
  append_chunk(file, "IDAT", deflate_all(raw));
  append_chunk(file, "IEND", "");
  return file;
}

std::string png_data_uri(const std::string& png) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text = "data:image/png;base64,";
  for (size_t i = 0; i < png.size(); i += 3) {
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j) group = group << 8 | (i + j < png.size() ? static_cast<uint8_t>(png[i + j]) : 0u);
    for (size_t j = 0; j < 4; ++j) text += i + j <= png.size() ? kDigits[group >> (18 - 6 * j) & 63] : '=';
  }
  return text;
}

}  // namespace sparsmith::cli

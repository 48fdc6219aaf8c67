/// \file
/// Files of the formats under test, written byte by byte: what numpy, scipy and safetensors write, and what they never
/// would.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace sparsmith::test {

template <class T>
void append(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <class T>
std::string raw(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

/// The same elements in the other byte order.
template <class T>
std::string raw_swapped(const std::vector<T>& values) {
  std::string bytes = raw(values);
  for (size_t i = 0; i < bytes.size(); i += sizeof(T)) {
    std::reverse(bytes.begin() + static_cast<std::ptrdiff_t>(i),
                 bytes.begin() + static_cast<std::ptrdiff_t>(i + sizeof(T)));
  }
  return bytes;
}

/// Any header text, any version, any data.
std::string npy_bytes(const std::string& dict, const std::string& data, int version = 1);
/// "<f4", "(2, 3)", data.
std::string npy_array(const std::string& descr, const std::string& shape, const std::string& data, bool fortran = false,
                      int version = 1);

struct ZipMember {
  std::string name;
  std::string content;
  bool deflate = false;
};

/// How to lie in, or vary, a zip archive.
struct ZipVariation {
  bool zip64 = false;                 ///< sizes and offsets in zip64 fields, as numpy writes members
  bool sizes_after_data = false;      ///< data descriptors, as streaming writers do
  int64_t add_to_size = 0;            ///< declared uncompressed size minus the true one, in both headers
  int64_t add_to_directory_size = 0;  ///< the same in the directory only
  int64_t add_to_compressed_size = 0;
  int64_t add_to_header_offset = 0;
  int64_t add_to_directory_offset = 0;
  int32_t add_to_entries = 0;
  uint16_t method = 0;  ///< when not 0: claimed instead of the true one
  uint16_t flags = 0;
  bool break_crc = false;
  std::string comment = {};
};

std::string zip_bytes(const std::vector<ZipMember>& members, const ZipVariation& variation = {});

/// Header length, header, data.
std::string safetensors_bytes(const std::string& json, const std::string& data);

}  // namespace sparsmith::test

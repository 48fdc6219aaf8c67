/// \file
/// The layout that serialize and deserialize share; docs/artifact.md says it in words.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "artifact/image.h"
#include "sparsmith/pattern.h"

namespace sparsmith::image_format {

// Numbers are little-endian in the file and are copied as they lie in memory.
static_assert(std::endian::native == std::endian::little);
static_assert(sizeof(Segment) == 32 && std::is_trivially_copyable_v<Segment>);
static_assert(sizeof(ValueSource) == 4 && std::is_trivially_copyable_v<ValueSource>);

// As in PNG: a byte that is no text, then line ends that a transfer in text mode would change.
inline constexpr std::string_view kMagic("\x8bSMK\r\n\x1a\n", 8);

enum Section { kMeta, kRowOffsets, kColumns, kSegments, kValueSources, kCode, kIndices, kValues, kSectionCount };
inline constexpr std::array<const char*, kSectionCount> kSectionNames = {
    "plan", "row offsets", "column indices", "segments", "value sources", "code", "index streams", "packed values"};

// The fixed part of the header: byte offsets of its fields.
inline constexpr size_t kFormatAt = 8;
inline constexpr size_t kHeaderBytesAt = 12;
inline constexpr size_t kFileBytesAt = 16;
inline constexpr size_t kChecksumAt = 24;        ///< XXH3-132 of all bytes but [24, 48)
inline constexpr size_t kHeaderChecksumAt = 40;  ///< XXH3-64 of the header but [40, 48)
inline constexpr size_t kCheckedAt = 48;
inline constexpr size_t kFixedHeaderBytes = kCheckedAt + 16 + 3 * 8 + kSectionCount * 8 + 8;

inline constexpr size_t kMaxNameBytes = 4096;   ///< symbol; target
inline constexpr size_t kMaxTextBytes = 65536;  ///< any other text

constexpr uint64_t padded(uint64_t bytes) { return (bytes + 7) & ~uint64_t{7}; }

struct Checksum {
  uint64_t low, high;
  bool operator==(const Checksum&) const = default;
};
Checksum checksum(std::string_view bytes);
Checksum file_checksum(std::string_view file);
uint64_t header_checksum(std::string_view header);

class Writer {
 public:
  template <class T>
  void number(T value) {
    static_assert(std::is_arithmetic_v<T>);
    char raw[sizeof(T)];
    std::memcpy(raw, &value, sizeof value);
    bytes_.append(raw, sizeof raw);
  }
  template <class T>
  void enumeration(T value) {
    number(static_cast<uint8_t>(value));
  }
  void raw(const void* data, size_t size) {
    if (size) bytes_.append(static_cast<const char*>(data), size);
  }
  void text(std::string_view value) {
    value = value.substr(0, kMaxTextBytes);
    number(static_cast<uint32_t>(value.size()));
    raw(value.data(), value.size());
  }
  void pad() { bytes_.resize(padded(bytes_.size()), '\0'); }
  void reserve(size_t bytes) { bytes_.reserve(bytes); }
  template <class T>
  void patch(size_t at, T value) {
    std::memcpy(bytes_.data() + at, &value, sizeof value);
  }
  const std::string& bytes() const { return bytes_; }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

/// Reads forward; the first read past the end or out of range makes it bad for good, and later reads give zeros.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  bool good() const { return good_; }
  void fail() { good_ = false; }
  bool at_end() const { return rest_.empty(); }

  template <class T>
  T number() {
    static_assert(std::is_arithmetic_v<T> && !std::is_same_v<T, bool>);
    T value{};
    const std::string_view part = take(sizeof value);
    if (good_) std::memcpy(&value, part.data(), sizeof value);
    return value;
  }
  /// A number from low to high.
  template <class T>
  T number_within(T low, T high) {
    const T value = number<T>();
    if (value >= low && value <= high) return value;
    fail();
    return low;
  }
  bool boolean() { return number_within<uint8_t>(0, 1) != 0; }
  template <class T>
  T enumeration(T last) {
    return static_cast<T>(number_within<uint8_t>(0, static_cast<uint8_t>(last)));
  }
  std::string_view take(size_t size) {
    if (!good_ || size > rest_.size()) {
      fail();
      return {};
    }
    const std::string_view part = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return part;
  }
  std::string text() {
    std::string value(take(number_within<uint32_t>(0, kMaxTextBytes)));
    // Texts are shown to people: control characters could forge what a terminal shows.
    if (std::any_of(value.begin(), value.end(), [](char c) { return (c >= 0 && c < ' ' && c != '\n') || c == 127; }))
      fail();
    return value;
  }

 private:
  std::string_view rest_;
  bool good_ = true;
};

}  // namespace sparsmith::image_format

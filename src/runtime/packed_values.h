/// \file
/// The floats that code streams, on a 64-byte line: whole vectors of them then never cross one.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "artifact/prefault.h"

namespace sparsmith {

class PackedValues {
 public:
  PackedValues() = default;
  /// Contents are for the caller to write. Throws std::bad_alloc.
  explicit PackedValues(size_t size) : storage_(prefaulted<float>(size + kLineFloats)), size_(size) {
    storage_.resize(size + kLineFloats);
    const auto address = reinterpret_cast<uintptr_t>(storage_.data());
    first_ = (kLineBytes - address % kLineBytes) % kLineBytes / sizeof(float);
  }
  std::span<float> span() { return std::span(storage_).subspan(first_, size_); }
  std::span<const float> span() const { return std::span(storage_).subspan(first_, size_); }

 private:
  static constexpr size_t kLineBytes = 64, kLineFloats = 16;
  std::vector<float> storage_;
  size_t first_ = 0, size_ = 0;
};

}  // namespace sparsmith

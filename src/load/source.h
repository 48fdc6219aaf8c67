/// \file
/// Where a container reader's bytes come from: memory, or a file of which only the parts asked for are read (one tensor
/// of a large .safetensors).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sparsmith/result.h"

namespace sparsmith::load {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual uint64_t size() const = 0;
  /// Bytes [offset, offset + length), which must lie within size(). They stay valid as long as `scratch` and the source
  /// do.
  virtual Result<std::string_view> read(uint64_t offset, uint64_t length, std::string& scratch) const = 0;
};

class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(std::string_view bytes) : bytes_(bytes) {}
  uint64_t size() const override { return bytes_.size(); }
  Result<std::string_view> read(uint64_t offset, uint64_t length, std::string& scratch) const override;

 private:
  std::string_view bytes_;
};

/// An open regular file. Move-only.
class FileSource final : public ByteSource {
 public:
  static Result<FileSource> open(const std::string& path);
  FileSource(FileSource&& other) noexcept;
  FileSource& operator=(FileSource&&) = delete;
  ~FileSource() override;
  uint64_t size() const override { return size_; }
  Result<std::string_view> read(uint64_t offset, uint64_t length, std::string& scratch) const override;

 private:
  FileSource(std::string path, int descriptor, uint64_t size)
      : path_(std::move(path)), descriptor_(descriptor), size_(size) {}
  std::string path_;
  int descriptor_ = -1;
  uint64_t size_ = 0;
};

/// All of a regular file.
Result<std::string> read_file(const std::string& path);

}  // namespace sparsmith::load

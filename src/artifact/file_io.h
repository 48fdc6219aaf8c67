/// \file
/// Whole files in and out. Errors name the path and say what the operating system said.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "sparsmith/result.h"

namespace sparsmith {

/// What a read found out besides the bytes, of the very file they came from.
struct FileFacts {
  int error_number = 0;           ///< errno of the call that failed, or 0
  uint32_t owner = 0;             ///< user id
  bool others_may_write = false;  ///< anyone on the machine
};

/// The file's bytes; bad_input when it can't be read or holds more than `max_bytes`.
Result<std::string> read_file(const std::string& path, int64_t max_bytes, FileFacts* facts = nullptr);

/// At most the first `bytes` of the file.
Result<std::string> read_file_start(const std::string& path, int64_t bytes, FileFacts* facts = nullptr);

/// Bytes read from a file, in memory of their own: with huge pages where the system has them, because faulting 4 MB in
/// as 4 KiB pages takes as long as reading, checking and copying them. Move-only.
class FileBuffer {
 public:
  FileBuffer() = default;
  FileBuffer(FileBuffer&& other) noexcept { swap(other); }
  FileBuffer& operator=(FileBuffer&& other) noexcept {
    FileBuffer taken(std::move(other));
    swap(taken);
    return *this;
  }
  ~FileBuffer();
  std::string_view bytes() const { return {data_, size_}; }

 private:
  friend class InputFile;
  void swap(FileBuffer& other) {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(mapped_, other.mapped_);
  }
  char* data_ = nullptr;
  size_t size_ = 0, mapped_ = 0;
};

/// A file open for reading, in parts that all come from the same one whatever takes its name meanwhile. Move-only.
class InputFile {
 public:
  static Result<InputFile> open(const std::string& path, FileFacts* facts = nullptr);
  InputFile(InputFile&& other) noexcept
      : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)), size_(other.size_) {}
  InputFile& operator=(InputFile&&) = delete;
  ~InputFile();
  int64_t size() const { return size_; }  ///< what the system says: 0 of pipes and the like
  /// At most `bytes` from `offset` on; less at the end. Of what has no size, at most a page of what comes next.
  Result<FileBuffer> read(int64_t offset, int64_t bytes, FileFacts* facts = nullptr) const;

  /// At most `bytes`, to the end, of what has no size: a pipe.
  Result<std::string> read_stream(int64_t bytes) const;

 private:
  InputFile(std::string path, int descriptor, int64_t size)
      : path_(std::move(path)), descriptor_(descriptor), size_(size) {}
  std::string path_;
  int descriptor_;
  int64_t size_;
};

/// At most the first `bytes` of the file.
Result<FileBuffer> read_file_buffer(const std::string& path, int64_t bytes, FileFacts* facts = nullptr);

/// Writes a temporary file beside `path` and renames it over it: readers see the old bytes or the new ones, and a
/// failure leaves neither a part nor the temporary. What isn't a regular file (a pipe, a device) is written in place.
/// `durable` waits for the disk before the rename. `error_number`, when given, gets errno as in FileFacts.
Status write_file_atomic(const std::string& path, std::string_view bytes, bool durable = true,
                         int* error_number = nullptr);

/// True for names that write_file_atomic gives its temporary files; those left by a killed process may be removed.
bool is_temporary_name(std::string_view file_name);

}  // namespace sparsmith

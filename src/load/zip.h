/// \file
/// A reader of .zip archives as numpy writes them: stored or deflated members, zip64. Sizes in headers are claims: they
/// are compared with each other and with the bytes that are there, and nothing is allocated on their word alone.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "load/source.h"
#include "sparsmith/result.h"

namespace sparsmith::load {

struct ZipEntry {
  std::string name;
  uint16_t flags = 0, method = 0;
  uint32_t crc = 0;
  uint64_t compressed_size = 0;
  uint64_t size = 0;
  uint64_t header_offset = 0;  ///< of its local header
};

/// The central directory, in its order.
Result<std::vector<ZipEntry>> read_zip_directory(const ByteSource& source, const std::string& origin);

/// One member's content, front to back. Move-only.
class ZipStream {
 public:
  /// Checks the local header against `entry`. At most `most_compressed` bytes of the member are read: enough for a look
  /// at its beginning. The source must outlive the stream. `origin` names the member.
  static Result<ZipStream> open(const ByteSource& source, const ZipEntry& entry, const std::string& origin,
                                uint64_t most_compressed = UINT64_MAX);
  ZipStream(ZipStream&&) noexcept;
  ~ZipStream();

  /// The next `length` bytes, or as many as are left; returns how many.
  Result<size_t> read(char* out, size_t length);
  /// To be called when all of entry.size was read: nothing may follow, and the checksum must fit.
  Status finish();

 private:
  struct State;
  explicit ZipStream(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sparsmith::load

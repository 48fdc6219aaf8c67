/// \file
/// KernelImage to bytes and back: the form of artifacts (`.smk`) and disk-cache entries, laid out in docs/artifact.md.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "artifact/file_io.h"
#include "artifact/image.h"
#include "sparsmith/pattern.h"
#include "sparsmith/result.h"

namespace sparsmith {

/// What the first bytes of a file say of the rest.
struct KernelImageHeader {
  uint32_t format = 0;
  int64_t file_bytes = 0;
  Digest key;  ///< of cache entries; zero in artifacts
  std::string symbol, target;
  int64_t m = 0, k = 0, nnz = 0;
  int64_t code_bytes = 0;
  int64_t value_bytes = 0;  ///< 0 in cache entries
};

/// A header never takes more than this, so that reading so much of a file is enough for peek_header.
inline constexpr int64_t kMaxHeaderBytes = 16 * 1024;
/// Larger files are refused unread. Holds kMaxNonzeros with their code, values and pattern.
inline constexpr int64_t kMaxImageBytes = int64_t{1} << 33;

std::string serialize(const KernelImage& image, const Digest& key = {});
/// The same with code and values that lie elsewhere (image.code and image.values are ignored).
std::string serialize(const KernelImage& image, std::span<const uint8_t> code, std::span<const float> values,
                      const Digest& key = {});

/// Checks everything that can be checked before it returns anything: checksum, sizes, enumerations, the pattern, that
/// every segment starts inside the code and every packed value has a source. bad_input names `origin`.
Result<KernelImage> deserialize(std::string_view bytes, const std::string& origin);

/// deserialize without the checksum, for fuzzing: all other checks must hold up alone.
Result<KernelImage> parse_body(std::string_view bytes, const std::string& origin);

/// From the first min(kMaxHeaderBytes, file size) bytes of a file; checks the header's own checksum, not the rest.
Result<KernelImageHeader> peek_header(std::string_view bytes, const std::string& origin);

/// Reads and deserializes a file; looks at its header before it takes memory for it. `key`, when given, gets the
/// header's.
Result<KernelImage> read_image(const std::string& path, Digest* key = nullptr, FileFacts* facts = nullptr);

}  // namespace sparsmith

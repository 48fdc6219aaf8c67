#include "artifact/serialize.h"

namespace sparsmith {

Result<KernelImage> read_image(const std::string& path, Digest* key, FileFacts* facts) {
  Result<std::string> start = read_file_start(path, kMaxHeaderBytes, facts);
  if (!start) return start.error();
  Result<KernelImageHeader> header = peek_header(*start, path);
  if (!header) return header.error();
  if (key) *key = header->key;
  if (static_cast<int64_t>(start->size()) < kMaxHeaderBytes) return deserialize(*start, path);  // that was all of it

  // One byte more than the header promises shows a file that goes on after its end.
  Result<FileBuffer> whole = read_file_buffer(path, header->file_bytes + 1, facts);
  if (!whole) return whole.error();
  return deserialize(whole->bytes(), path);
}

}  // namespace sparsmith

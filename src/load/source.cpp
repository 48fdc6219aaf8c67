#include "load/source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "load/messages.h"

namespace sparsmith::load {
namespace {

bool within(uint64_t offset, uint64_t length, uint64_t size) { return offset <= size && length <= size - offset; }

}  // namespace

Result<std::string_view> MemorySource::read(uint64_t offset, uint64_t length, std::string&) const {
  if (!within(offset, length, size())) return internal_error("a reader asked for bytes past the end of its input");
  return bytes_.substr(offset, length);
}

Result<FileSource> FileSource::open(const std::string& path) {
  // O_NONBLOCK: opening a FIFO must not wait for a writer; it is refused below.
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return bad_input(join(path, ": can't be opened: ", std::strerror(errno)));
  FileSource source(path, descriptor, 0);
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) return bad_input(join(path, ": can't be read: ", std::strerror(errno)));
  if (S_ISDIR(status.st_mode)) return bad_input(join(path, ": is a directory; a file is expected"));
  if (!S_ISREG(status.st_mode)) {
    return bad_input(join(path, ": is not a regular file"), "save it to a file first; its size must be known");
  }
  source.size_ = static_cast<uint64_t>(status.st_size);
  return source;
}

FileSource::FileSource(FileSource&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(other.descriptor_), size_(other.size_) {
  other.descriptor_ = -1;
}

FileSource::~FileSource() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<std::string_view> FileSource::read(uint64_t offset, uint64_t length, std::string& scratch) const {
  if (!within(offset, length, size_)) return internal_error("a reader asked for bytes past the end of its file");
  scratch.resize(length);
  uint64_t done = 0;
  while (done < length) {
    constexpr uint64_t kMostPerCall = uint64_t{1} << 30;
    const ssize_t got = ::pread(descriptor_, scratch.data() + done, std::min(length - done, kMostPerCall),
                                static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return bad_input(join(path_, ": can't be read: ", std::strerror(errno)));
    if (got == 0) return bad_input(join(path_, ": became shorter while it was read"));
    done += static_cast<uint64_t>(got);
  }
  return std::string_view(scratch);
}

Result<std::string> read_file(const std::string& path) {
  auto source = FileSource::open(path);
  if (!source) return source.error();
  std::string bytes;
  auto view = source->read(0, source->size(), bytes);
  if (!view) return view.error();
  return bytes;
}

}  // namespace sparsmith::load

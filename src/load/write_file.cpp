#include "load/write_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "load/messages.h"
#include "load/numeric.h"
#include "sparsmith/load.h"

namespace sparsmith {
namespace load {
namespace {

bool write_all(int descriptor, const char* bytes, size_t size) {
  while (size > 0) {
    constexpr size_t kMostPerCall = size_t{1} << 30;
    const ssize_t written = ::write(descriptor, bytes, std::min(size, kMostPerCall));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes += written;
    size -= static_cast<size_t>(written);
  }
  return true;
}

/// Writes all pieces and closes; 0 or errno.
int write_and_close(int descriptor, std::span<const std::string_view> pieces) {
  int error = 0;
  for (const std::string_view piece : pieces) {
    if (error == 0 && !write_all(descriptor, piece.data(), piece.size())) error = errno;
  }
  if (::close(descriptor) != 0 && error == 0) error = errno;
  return error;
}

Error write_failure(const std::string& path, int error) {
  const bool full = error == ENOSPC || error == EDQUOT;
  return unsuitable(join(path, ": can't be written: ", std::strerror(error)), full ? "free some space" : "");
}

}  // namespace

Result<std::string> make_npy_header(const std::string& descr, std::span<const int64_t> shape,
                                    const std::string& origin) {
  std::string dict = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape_text(shape) + ", }";
  constexpr size_t kAlign = 64, kPreamble = 10;  // data starts on a multiple of 64, as numpy writes it
  dict.append(kAlign - (kPreamble + dict.size() + 1) % kAlign, ' ');
  dict += '\n';
  if (dict.size() > 0xffff) return bad_input(join(origin, ": a shape of ", shape.size(), " dimensions is too long"));
  std::string header("\x93NUMPY\x01\x00", 8);
  header += static_cast<char>(dict.size() & 0xff);
  header += static_cast<char>(dict.size() >> 8);
  return header + dict;
}

Status write_file(const std::string& path, std::span<const std::string_view> pieces) {
  std::string target = path;
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode)) return bad_input(join(path, ": is a directory; a file name is expected"));
    if (!S_ISREG(status.st_mode)) {  // a device or pipe: must stay what it is, so there is nothing to rename
      const int descriptor = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
      const int error = descriptor < 0 ? errno : write_and_close(descriptor, pieces);
      if (error != 0) return write_failure(path, error);
      return success();
    }
    if (char* resolved = ::realpath(path.c_str(), nullptr)) {  // a link stays a link
      target = resolved;
      std::free(resolved);
    }
  }
  static std::atomic<uint64_t> counter{0};
  const std::string temporary = join(target, ".", ::getpid(), ".", counter++, ".tmp");
  const int descriptor = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor < 0) return write_failure(path, errno);
  int error = write_and_close(descriptor, pieces);
  if (error == 0 && ::rename(temporary.c_str(), target.c_str()) != 0) error = errno;
  if (error != 0) {
    ::unlink(temporary.c_str());
    return write_failure(path, error);
  }
  return success();
}

namespace {

Status save(const std::string& path, const std::vector<int64_t>& shape, const float* data) {
  const auto count = element_count(shape);
  const auto bytes = count ? checked_multiply(*count, sizeof(float)) : std::nullopt;
  if (!bytes) return bad_input(join(path, ": shape ", shape_text(shape), " is no size an array can have"));
  if (*count > 0 && data == nullptr) return bad_input(join(path, ": no data given to save"));
  const auto header = make_npy_header("<f4", shape, path);
  if (!header) return header.error();
  const std::string_view pieces[] = {*header, {reinterpret_cast<const char*>(data), static_cast<size_t>(*bytes)}};
  return write_file(path, pieces);
}

}  // namespace
}  // namespace load

Status save_npy(const std::string& path, const std::vector<int64_t>& shape, const float* data) {
  return load::guarded(path, [&] { return load::save(path, shape, data); });
}

}  // namespace sparsmith

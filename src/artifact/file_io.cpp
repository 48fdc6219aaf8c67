#include "artifact/file_io.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

namespace sparsmith {
namespace {

constexpr std::string_view kTemporaryMark = ".sparsmith-tmp-";

// Closes on scope exit; `close()` reports what close(2) says, which is where some file systems report a full disk.
class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  File(File&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  File& operator=(File&&) = delete;
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  int get() const { return descriptor_; }
  int release() { return std::exchange(descriptor_, -1); }
  bool close() { return ::close(std::exchange(descriptor_, -1)) == 0; }

 private:
  int descriptor_;
};

// strerror is not thread-safe, and strerror_r exists in two kinds: this overload set takes either's result.
[[maybe_unused]] const char* error_text(const char* text, const char*) { return text; }
[[maybe_unused]] const char* error_text(int, const char* buffer) { return buffer; }

Error io_error(const char* verb, const std::string& path, int number, int* error_number) {
  if (error_number) *error_number = number;
  char buffer[128] = "unknown error";
  const char* text = error_text(strerror_r(number, buffer, sizeof buffer), buffer);
  return bad_input(std::string("can't ") + verb + " " + path + ": " + text);
}

// An open file that is no directory, and what is known of it.
struct Opened {
  File file;
  int64_t size;
};
Result<Opened> open_to_read(const std::string& path, FileFacts* facts) {
  *facts = {};
  Opened opened{File(open(path.c_str(), O_RDONLY | O_CLOEXEC)), 0};
  struct stat info;
  if (opened.file.get() < 0 || fstat(opened.file.get(), &info) != 0) {
    return io_error("read", path, errno, &facts->error_number);
  }
  if (S_ISDIR(info.st_mode)) return io_error("read", path, EISDIR, &facts->error_number);
  facts->owner = info.st_uid;
  facts->others_may_write = info.st_mode & S_IWOTH;
  opened.size = info.st_size;
  return opened;
}

// From where the descriptor stands; `expected`: the size, as far as the system says.
Result<std::string> read_rest(const std::string& path, int descriptor, int64_t expected, int64_t limit,
                              int* error_number) {
  // Files that grow, pipes and /proc say little or nothing of their size: grow with what really arrives.
  std::string bytes;
  size_t used = 0;
  size_t chunk = static_cast<size_t>(std::clamp<int64_t>(expected + 1, 4096, std::max<int64_t>(limit, 4096)));
  try {
    while (static_cast<int64_t>(used) < limit) {
      if (bytes.size() == used) {
        bytes.resize(used + std::min(chunk, static_cast<size_t>(limit) - used));
        chunk = std::max<size_t>(used, 65536);
      }
      const ssize_t got = read(descriptor, bytes.data() + used, bytes.size() - used);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return io_error("read", path, errno, error_number);
      if (got == 0) break;
      used += static_cast<size_t>(got);
    }
    bytes.resize(used);
  } catch (const std::bad_alloc&) {
    return io_error("read", path, ENOMEM, error_number);
  }
  return bytes;
}

Result<std::string> read_up_to(const std::string& path, int64_t limit, FileFacts* facts) {
  FileFacts unused;
  if (!facts) facts = &unused;
  Result<Opened> opened = open_to_read(path, facts);
  if (!opened) return opened.error();
  return read_rest(path, opened->file.get(), opened->size, limit, &facts->error_number);
}

int write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = write(descriptor, bytes.data(), std::min<size_t>(bytes.size(), 1 << 30));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return errno;
    bytes.remove_prefix(static_cast<size_t>(put));
  }
  return 0;
}

Status write_in_place(const std::string& path, std::string_view bytes, int* error_number) {
  File file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file.get() < 0) return io_error("write", path, errno, error_number);
  if (const int number = write_all(file.get(), bytes)) return io_error("write", path, number, error_number);
  if (!file.close()) return io_error("write", path, errno, error_number);
  return success();
}

// Links are followed, so that the file they name is replaced and not the link.
std::string resolve(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(realpath(path.c_str(), nullptr), &std::free);
  return real ? std::string(real.get()) : path;
}

}  // namespace

Result<std::string> read_file(const std::string& path, int64_t max_bytes, FileFacts* facts) {
  // A file that says it is too large is refused before its bytes take memory; one that lies, one byte past the limit.
  struct stat info;
  const bool known = stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
  if (!known || info.st_size <= max_bytes) {
    Result<std::string> bytes = read_up_to(path, max_bytes + 1, facts);
    if (!bytes || static_cast<int64_t>(bytes->size()) <= max_bytes) return bytes;
  }
  if (facts) facts->error_number = 0;
  return bad_input(path + " is too large: at most " + std::to_string(max_bytes) + " bytes are read");
}

Result<std::string> read_file_start(const std::string& path, int64_t bytes, FileFacts* facts) {
  return read_up_to(path, bytes, facts);
}

FileBuffer::~FileBuffer() {
  if (data_) munmap(data_, mapped_);
}

Result<InputFile> InputFile::open(const std::string& path, FileFacts* facts) {
  FileFacts unused;
  Result<Opened> opened = open_to_read(path, facts ? facts : &unused);
  if (!opened) return opened.error();
  return InputFile(path, opened->file.release(), opened->size);
}

InputFile::~InputFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

Result<FileBuffer> InputFile::read(int64_t offset, int64_t bytes, FileFacts* facts) const {
  FileFacts unused;
  if (!facts) facts = &unused;
  // Rounded up to whole huge pages and one more, so that aligned ones lie inside wherever the mapping starts.
  constexpr size_t kHugePage = size_t{2} << 20;
  FileBuffer buffer;
  const int64_t there = std::max<int64_t>(size_ - offset, 4095) + 1;
  const auto wanted = static_cast<size_t>(std::min(bytes, there));
  const size_t mapped = (wanted / kHugePage + 2) * kHugePage;
  void* memory = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return io_error("read", path_, ENOMEM, &facts->error_number);
  madvise(memory, mapped, MADV_HUGEPAGE);  // a wish
  buffer.mapped_ = mapped;
  buffer.data_ = static_cast<char*>(memory);
  while (buffer.size_ < wanted) {
    char* const to = buffer.data_ + buffer.size_;
    const size_t rest = wanted - buffer.size_;
    const ssize_t got = size_ > 0 ? pread(descriptor_, to, rest, offset + static_cast<off_t>(buffer.size_))
                                  : ::read(descriptor_, to, rest);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_error("read", path_, errno, &facts->error_number);
    if (got == 0) break;
    buffer.size_ += static_cast<size_t>(got);
  }
  return buffer;
}

Result<std::string> InputFile::read_stream(int64_t bytes) const {
  return read_rest(path_, descriptor_, size_, bytes, nullptr);
}

Result<FileBuffer> read_file_buffer(const std::string& path, int64_t bytes, FileFacts* facts) {
  const Result<InputFile> file = InputFile::open(path, facts);
  if (!file) return file.error();
  return file->read(0, bytes, facts);
}

Status write_file_atomic(const std::string& path, std::string_view bytes, bool durable, int* error_number) {
  if (error_number) *error_number = 0;
  const std::string target = resolve(path);
  struct stat info;
  if (stat(target.c_str(), &info) == 0) {
    if (S_ISDIR(info.st_mode)) return io_error("write", path, EISDIR, error_number);
    if (!S_ISREG(info.st_mode)) return write_in_place(target, bytes, error_number);
  }

  // The process id alone is no proof: containers that share a directory have the same ones. O_EXCL decides.
  static std::atomic<unsigned> counter{0};
  std::string temporary;
  int descriptor = -1;
  for (int attempt = 0; descriptor < 0 && attempt < 100; ++attempt) {
    temporary = target;
    temporary.append(kTemporaryMark).append(std::to_string(getpid())).append("-").append(std::to_string(counter++));
    descriptor = open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor < 0 && errno != EEXIST) break;
  }
  if (descriptor < 0) return io_error("write", path, errno, error_number);

  File file(descriptor);
  int number = write_all(file.get(), bytes);
  if (number == 0 && durable && fsync(file.get()) != 0) number = errno;
  if (!file.close() && number == 0) number = errno;
  if (number == 0 && rename(temporary.c_str(), target.c_str()) != 0) number = errno;
  if (number == 0) return success();
  unlink(temporary.c_str());
  return io_error("write", path, number, error_number);
}

bool is_temporary_name(std::string_view file_name) { return file_name.find(kTemporaryMark) != std::string_view::npos; }

}  // namespace sparsmith

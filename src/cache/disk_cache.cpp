#include "cache/disk_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <filesystem>
#include <system_error>

#include "artifact/file_io.h"
#include "artifact/serialize.h"

namespace sparsmith {
namespace {

constexpr std::string_view kSuffix = ".smc";
constexpr size_t kKeyDigits = 32;
// No write takes this long: an older temporary file was left by a process that died.
constexpr int64_t kTemporarySeconds = 3600;

bool is_entry_name(std::string_view name) {
  return name.size() == kKeyDigits + kSuffix.size() && name.ends_with(kSuffix) &&
         name.substr(0, kKeyDigits).find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

struct DiskCache::File {
  std::string name;
  bool entry = false;  // else a temporary
  int64_t bytes = 0;
  timespec used{};
  bool abandoned() const { return !entry && used.tv_sec + kTemporarySeconds < std::time(nullptr); }
};

DiskCache::DiskCache(std::string directory, int64_t max_bytes, std::function<void(std::string_view)> warn)
    : directory_(std::move(directory)), max_bytes_(max_bytes), warn_(std::move(warn)) {}

std::string DiskCache::path_of(const Digest& key) const {
  return (std::filesystem::path(directory_) / key.hex().append(kSuffix)).string();
}

void DiskCache::warn_once(const std::string& why) {
  if (!warned_.exchange(true)) warn_("the cache directory " + directory_ + " can't be used: " + why);
}

std::optional<KernelImage> DiskCache::load(const Digest& key) {
  if (directory_.empty()) return std::nullopt;
  const std::string path = path_of(key);
  Digest stored;
  FileFacts facts;
  Result<KernelImage> image = read_image(path, &stored, &facts);
  if (facts.error_number != 0) {
    if (facts.error_number != ENOENT) warn_once(image.error().message);
    return std::nullopt;
  }
  // The entry will be executed. The checksum proves that it is whole, its owner that it is ours.
  if ((facts.owner != geteuid() && facts.owner != 0) || facts.others_may_write) {
    warn_once(path + " could have been written by another user, so it isn't run");
    return std::nullopt;
  }
  if (!image || stored != key) {
    unlink(path.c_str());
    return std::nullopt;
  }
  utimensat(AT_FDCWD, path.c_str(), nullptr, 0);  // on a read-only directory the order of eviction doesn't matter
  return *std::move(image);
}

void DiskCache::remove(const Digest& key) {
  if (!directory_.empty()) unlink(path_of(key).c_str());
}

void DiskCache::store(const Digest& key, std::string_view bytes) {
  if (!writable() || static_cast<int64_t>(bytes.size()) > max_bytes_) return;
  std::error_code error;
  std::filesystem::create_directories(directory_, error);
  if (error) {
    write_failed_ = true;
    return warn_once(error.message());
  }
  // A crash may lose the entry or leave a part of it, which its checksum shows: not worth waiting for the disk.
  if (Status written = write_file_atomic(path_of(key), bytes, false); !written) {
    write_failed_ = true;
    return warn_once(written.error().message);
  }
  const std::scoped_lock lock(eviction_);
  unscanned_bytes_ += static_cast<int64_t>(bytes.size());
  // Other processes store too: look again whenever our own share since the last look could matter.
  if (scanned_bytes_ < 0 || scanned_bytes_ + unscanned_bytes_ > max_bytes_ || unscanned_bytes_ > max_bytes_ / 16)
    evict(key.hex().append(kSuffix));
}

// Entries and temporaries of the directory, in no order. A missing directory is empty.
Result<std::vector<DiskCache::File>> DiskCache::scan() const {
  std::vector<File> files;
  if (directory_.empty()) return files;
  std::error_code error;
  std::filesystem::directory_iterator at(directory_, error);
  if (error == std::errc::no_such_file_or_directory) return files;
  for (; !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
    File file;
    file.name = at->path().filename().string();
    file.entry = is_entry_name(file.name);
    if (!file.entry && !is_temporary_name(file.name)) continue;
    struct stat info;
    if (lstat(at->path().c_str(), &info) != 0) continue;  // another process was faster
    file.bytes = info.st_size;
    file.used = info.st_mtim;
    files.push_back(std::move(file));
  }
  if (error) return bad_input("can't list the cache directory " + directory_ + ": " + error.message());
  return files;
}

void DiskCache::evict(const std::string& keep) {
  Result<std::vector<File>> files = scan();
  if (!files) return;
  const std::filesystem::path directory(directory_);
  int64_t total = 0;
  std::vector<File> entries;
  for (File& file : *files) {
    if (file.entry) {
      total += file.bytes;
      if (file.name != keep) entries.push_back(std::move(file));
    } else if (file.abandoned()) {
      unlink((directory / file.name).c_str());
    }
  }
  if (total > max_bytes_) {
    std::sort(entries.begin(), entries.end(), [](const File& a, const File& b) {
      return a.used.tv_sec != b.used.tv_sec ? a.used.tv_sec < b.used.tv_sec : a.used.tv_nsec < b.used.tv_nsec;
    });
    // A tenth of room, so that the next store need not evict again.
    const int64_t goal = max_bytes_ - max_bytes_ / 10;
    for (const File& file : entries) {
      if (total <= goal) break;
      if (unlink((directory / file.name).c_str()) == 0 || errno == ENOENT) total -= file.bytes;
    }
  }
  scanned_bytes_ = total;
  unscanned_bytes_ = 0;
}

Result<std::vector<CacheEntry>> DiskCache::list() const {
  Result<std::vector<File>> files = scan();
  if (!files) return files.error();
  std::sort(files->begin(), files->end(), [](const File& a, const File& b) {
    if (a.used.tv_sec != b.used.tv_sec) return a.used.tv_sec > b.used.tv_sec;
    return a.used.tv_nsec != b.used.tv_nsec ? a.used.tv_nsec > b.used.tv_nsec : a.name < b.name;
  });
  std::vector<CacheEntry> entries;
  for (const File& file : *files) {
    if (!file.entry) continue;
    CacheEntry entry{file.name.substr(0, kKeyDigits), file.bytes, file.used.tv_sec, "damaged"};
    const std::string path = (std::filesystem::path(directory_) / file.name).string();
    if (Result<std::string> start = read_file_start(path, kMaxHeaderBytes)) {
      Result<KernelImageHeader> header = peek_header(*start, path);
      if (header && header->file_bytes == file.bytes && header->key.hex() == entry.key) entry.symbol = header->symbol;
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

Result<int64_t> DiskCache::clear() {
  Result<std::vector<File>> files = scan();
  if (!files) return files.error();
  const std::scoped_lock lock(eviction_);
  int64_t removed = 0;
  for (const File& file : *files) {
    if (!file.entry && !file.abandoned()) continue;  // another process is about to publish it
    const std::string path = (std::filesystem::path(directory_) / file.name).string();
    std::error_code error;
    if (std::filesystem::remove(path, error) && file.entry) ++removed;
    if (error) return bad_input("can't remove " + path + ": " + error.message());
  }
  scanned_bytes_ = -1;
  unscanned_bytes_ = 0;
  return removed;
}

}  // namespace sparsmith

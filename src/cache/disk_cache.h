/// \file
/// The disk half of the cache: one file per key, published by rename, least recently used files evicted.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "artifact/image.h"
#include "sparsmith/cache.h"

namespace sparsmith {

/// Thread-safe, and safe beside other processes on the same directory. Failures cost a rebuild and one warning.
class DiskCache {
 public:
  DiskCache(std::string directory, int64_t max_bytes, std::function<void(std::string_view)> warn);

  /// The entry, fully checked, and marked as used; empty on any miss. Damaged entries are deleted; entries that can't
  /// be read, or that another user could have put there, are left alone.
  std::optional<KernelImage> load(const Digest& key);
  void remove(const Digest& key);

  /// Whether store() may still work: false without a directory or after a failed write.
  bool writable() const { return !directory_.empty() && !write_failed_; }
  /// Publishes serialized bytes; entries beyond the size limit are evicted, those larger than it never stored.
  void store(const Digest& key, std::string_view bytes);

  Result<std::vector<CacheEntry>> list() const;
  Result<int64_t> clear();
  const std::string& directory() const { return directory_; }

 private:
  struct File;
  Result<std::vector<File>> scan() const;
  std::string path_of(const Digest& key) const;
  void evict(const std::string& keep);
  void warn_once(const std::string& why);

  const std::string directory_;
  const int64_t max_bytes_;
  const std::function<void(std::string_view)> warn_;
  std::atomic<bool> warned_{false};
  std::atomic<bool> write_failed_{false};
  std::mutex eviction_;
  int64_t unscanned_bytes_ = 0;  // stored since the directory was last scanned
  int64_t scanned_bytes_ = -1;   // in the directory then; -1: not yet
};

}  // namespace sparsmith

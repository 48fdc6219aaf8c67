/// \file
/// Caches of generated code: in memory (shared by threads, one build for simultaneous requests) and on disk (shared by
/// processes). Entries hold no weight values. A cache that can't be used costs time, never a result.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sparsmith/calibrate.h"
#include "sparsmith/pattern.h"
#include "sparsmith/result.h"

namespace sparsmith {

struct KernelImage;  // artifact/image.h
struct LoadedCode;   // runtime/loaded_code.h

struct CacheOptions {
  /// Directory of the disk cache; empty: memory only. Created when missing.
  std::string directory;
  int64_t max_bytes = int64_t{1} << 30;  ///< size limit of the directory; least recently used entries go first
  /// Gets one sentence, once, when the directory can't be used. Default: standard error.
  std::function<void(std::string_view)> warn;
};

/// $SPARSMITH_CACHE, else $XDG_CACHE_HOME/sparsmith, else ~/.cache/sparsmith; empty (memory only) when none is known.
std::string default_cache_directory();

struct CacheStats {
  int64_t memory_hits = 0, disk_hits = 0, misses = 0;
  int64_t build_ns = 0;  ///< time spent building on misses
};

struct CacheEntry {
  std::string key;  ///< 32 hexadecimal digits
  int64_t bytes = 0;
  int64_t last_use = 0;  ///< seconds since the epoch
  std::string symbol;    ///< what it holds, from its header; "damaged" when unreadable
};

/// Thread-safe; shared by Compilers. Code stays in memory only while a Kernel uses it.
class Cache {
 public:
  explicit Cache(CacheOptions options = {});
  ~Cache();
  Cache(const Cache&) = delete;
  Cache& operator=(const Cache&) = delete;

  enum class Source : uint8_t { built, memory, disk };
  struct Found {
    std::shared_ptr<const LoadedCode> code;
    Source source;
  };
  /// The code under `key`: from memory, else from disk, else from `build` (called by one thread per key, the others
  /// wait for it; its error goes to all of them and is not kept).
  Result<Found> get_or_build(const Digest& key, const std::function<Result<KernelImage>()>& build);

  CacheStats stats() const;
  const std::string& directory() const;

  /// The costs of this machine that store_machine_costs left in the directory; null when there are none, or none that
  /// can be used (one warning). Read once, by the first request.
  std::shared_ptr<const MachineCosts> machine_costs(Isa isa);
  /// Writes them atomically and returns the file's path; unsuitable without a directory.
  Result<std::string> store_machine_costs(const MachineCosts& costs);

  /// Disk entries, most recent first; removing them (returns how many).
  Result<std::vector<CacheEntry>> list() const;
  Result<int64_t> clear();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sparsmith

#include "sparsmith/cache.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <map>
#include <mutex>
#include <new>
#include <optional>

#include "artifact/file_io.h"
#include "artifact/serialize.h"
#include "cache/disk_cache.h"
#include "cache/machine_file.h"
#include "runtime/loaded_code.h"

namespace sparsmith {
namespace {

using Code = std::shared_ptr<const LoadedCode>;

// A build that several threads may wait for; guarded by the cache's mutex.
struct InFlight {
  std::condition_variable done;
  std::optional<Result<Code>> result;
};

struct Slot {
  std::weak_ptr<const LoadedCode> code;
  std::shared_ptr<InFlight> in_flight;
};

void warn_on_stderr(std::string_view message) {
  std::fprintf(stderr, "sparsmith: %.*s\n", static_cast<int>(message.size()), message.data());
}

// What throws (out of memory) must not leave the threads that wait for it waiting.
template <class T, class Function>
T without_exceptions(const Function& function) {
  try {
    return function();
  } catch (const std::bad_alloc&) {
    return unsuitable("no memory to build or load a kernel");
  } catch (const std::exception& e) {
    return internal_error(std::string("building a kernel threw an exception: ") + e.what());
  }
}

}  // namespace

std::string default_cache_directory() {
  const auto variable = [](const char* name) -> std::string {
    const char* text = std::getenv(name);
    return text ? text : "";
  };
  if (std::string own = variable("SPARSMITH_CACHE"); !own.empty()) return own;
  // The XDG specification has relative paths ignored.
  if (const std::string caches = variable("XDG_CACHE_HOME"); caches.starts_with('/')) return caches + "/sparsmith";
  if (const std::string home = variable("HOME"); home.starts_with('/')) return home + "/.cache/sparsmith";
  return {};
}

struct Cache::State {
  explicit State(CacheOptions options)
      : warn(options.warn ? std::move(options.warn) : warn_on_stderr),
        disk(std::move(options.directory), options.max_bytes, warn) {}

  struct Made {
    Made(Result<Code> c, Source s, std::string bytes) : code(std::move(c)), source(s), to_store(std::move(bytes)) {}
    Made(Error error) : code(std::move(error)) {}  // NOLINT(google-explicit-constructor)
    Result<Code> code;
    Source source = Source::built;
    std::string to_store;  // serialized, when the disk should get it
  };
  Made make(const Digest& key, const std::function<Result<KernelImage>()>& build);
  void forget_unused();

  /// Null when the directory has none for this machine.
  std::shared_ptr<const MachineCosts> read_machine_costs(Isa isa) const;

  const std::function<void(std::string_view)> warn;
  DiskCache disk;
  std::mutex machine_mutex;
  std::map<Isa, std::shared_ptr<const MachineCosts>> machine;
  mutable std::mutex mutex;
  std::map<Digest, Slot> slots;
  size_t slots_to_sweep_at = 64;
  CacheStats stats;
};

Cache::State::Made Cache::State::make(const Digest& key, const std::function<Result<KernelImage>()>& build) {
  if (std::optional<KernelImage> image = disk.load(key)) {
    Result<Code> code = load_code(*std::move(image));
    if (code || code.error().kind != ErrorKind::bad_input) return {std::move(code), Source::disk, {}};
    disk.remove(key);
  }

  const auto start = std::chrono::steady_clock::now();
  Result<KernelImage> image = build();
  const std::chrono::nanoseconds took = std::chrono::steady_clock::now() - start;
  {
    const std::scoped_lock lock(mutex);
    ++stats.misses;
    stats.build_ns += took.count();
  }
  if (!image) return {image.error(), Source::built, {}};
  std::string bytes;
  if (disk.writable()) bytes = serialize(*image, image->code, {}, key);
  return {load_code(*std::move(image)), Source::built, std::move(bytes)};
}

// Keys of code that no kernel uses any more; the caller holds the mutex. Doubling keeps the cost per request constant.
void Cache::State::forget_unused() {
  if (slots.size() < slots_to_sweep_at) return;
  std::erase_if(slots, [](const auto& slot) { return !slot.second.in_flight && slot.second.code.expired(); });
  slots_to_sweep_at = std::max<size_t>(64, slots.size() * 2);
}

Cache::Cache(CacheOptions options) : state_(std::make_unique<State>(std::move(options))) {}
Cache::~Cache() = default;

Result<Cache::Found> Cache::get_or_build(const Digest& key, const std::function<Result<KernelImage>()>& build) {
  State& state = *state_;
  const auto in_flight = std::make_shared<InFlight>();
  {
    std::unique_lock lock(state.mutex);
    Slot& slot = state.slots[key];
    if (Code code = slot.code.lock()) {
      ++state.stats.memory_hits;
      return Found{std::move(code), Source::memory};
    }
    if (const std::shared_ptr<InFlight> other = slot.in_flight) {
      other->done.wait(lock, [&] { return other->result.has_value(); });
      if (!*other->result) return other->result->error();
      ++state.stats.memory_hits;
      return Found{**other->result, Source::memory};
    }
    slot.in_flight = in_flight;
    state.forget_unused();
  }

  State::Made made = without_exceptions<State::Made>([&] { return state.make(key, build); });
  {
    const std::scoped_lock lock(state.mutex);
    if (made.code) {
      if (made.source == Source::disk) ++state.stats.disk_hits;
      state.slots[key] = {*made.code, nullptr};
    } else {
      state.slots.erase(key);
    }
    in_flight->result = made.code;
  }
  in_flight->done.notify_all();
  if (!made.code) return made.code.error();
  if (!made.to_store.empty()) state.disk.store(key, made.to_store);
  return Found{*std::move(made.code), made.source};
}

CacheStats Cache::stats() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->stats;
}

std::shared_ptr<const MachineCosts> Cache::State::read_machine_costs(Isa isa) const {
  if (disk.directory().empty()) return nullptr;
  const std::string cpu = host_cpu();
  const std::string path = (std::filesystem::path(disk.directory()) / machine_file_name(cpu, isa)).string();
  FileFacts facts;
  const Result<std::string> text = read_file(path, kMaxMachineBytes, &facts);
  if (facts.error_number != 0) return nullptr;  // a directory that can't be used is warned of when code is looked for
  Result<MachineCosts> costs = text ? parse_machine_text(*text, path) : Result<MachineCosts>(text.error());
  if (costs && (costs->cpu != cpu || costs->isa != isa)) {
    costs = bad_input(path + " holds the costs of another machine: " + costs->cpu);
  }
  if (costs) return std::make_shared<const MachineCosts>(std::move(costs).value());
  warn(costs.error().message + "; plans are made with built-in costs");
  return nullptr;
}

std::shared_ptr<const MachineCosts> Cache::machine_costs(Isa isa) {
  const std::scoped_lock lock(state_->machine_mutex);
  const auto [entry, is_new] = state_->machine.try_emplace(isa);
  if (is_new) entry->second = state_->read_machine_costs(isa);
  return entry->second;
}

Result<std::string> Cache::store_machine_costs(const MachineCosts& costs) {
  const std::string& place = directory();
  if (place.empty()) return unsuitable("there is no cache directory to keep machine costs in");
  std::error_code error;
  std::filesystem::create_directories(place, error);
  if (error) return bad_input("the cache directory " + place + " can't be made: " + error.message());
  const std::string path = (std::filesystem::path(place) / machine_file_name(costs.cpu, costs.isa)).string();
  if (Status written = write_file_atomic(path, machine_text(costs)); !written) return written.error();
  const std::scoped_lock lock(state_->machine_mutex);
  state_->machine.erase(costs.isa);
  return path;
}

const std::string& Cache::directory() const { return state_->disk.directory(); }
Result<std::vector<CacheEntry>> Cache::list() const { return state_->disk.list(); }
Result<int64_t> Cache::clear() { return state_->disk.clear(); }

}  // namespace sparsmith

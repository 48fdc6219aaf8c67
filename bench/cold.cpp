#include "bench/cold.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

#if defined(__x86_64__)
#include <cpuid.h>
#include <emmintrin.h>
#endif

namespace sparsmith::bench {

namespace {

using Clock = std::chrono::steady_clock;

constexpr uintptr_t kPage = 4096, kLine = 64;
constexpr uint64_t kPresent = uint64_t{1} << 63;
constexpr uintptr_t kSweptPages = 4096;  // more than second-level TLBs have entries

#if defined(__x86_64__)
bool has_clflushopt() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b >> 23 & 1) != 0;
}

// Unordered flushes are several times as fast as clflush.
void flush(uintptr_t begin, uintptr_t end) {
  static const bool unordered = has_clflushopt();
  if (unordered) {
    for (uintptr_t line = begin; line < end; line += kLine) asm volatile("clflushopt (%0)" ::"r"(line) : "memory");
  } else {
    for (uintptr_t line = begin; line < end; line += kLine) _mm_clflush(reinterpret_cast<const void*>(line));
  }
}
void fence() { _mm_mfence(); }
constexpr bool kCanFlush = true;
#else
void flush(uintptr_t, uintptr_t) {}
void fence() {}
constexpr bool kCanFlush = false;
#endif

// A readable mapping that no file backs: private memory, or a file without a name such as generated code may live in.
bool is_own_memory(const std::string& permissions, const std::string& inode, const std::string& path) {
  if (permissions.empty() || permissions[0] != 'r') return false;
  if (path == "[vvar]" || path == "[vvar_vclock]" || path == "[vdso]" || path == "[vsyscall]") return false;
  return inode == "0" || path.starts_with("/memfd:");
}

}  // namespace

CacheEvictor::CacheEvictor() {
  if (!kCanFlush) {
    unsuitable_ = "this CPU has no instruction that flushes a cache line";
    return;
  }
  pagemap_ = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  if (pagemap_ < 0) {
    unsuitable_ = std::string("/proc/self/pagemap can't be opened: ") + std::strerror(errno);
    return;
  }
  void* pages = mmap(nullptr, kSweptPages * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) {
    unsuitable_ = std::string("no memory to sweep the TLBs with: ") + std::strerror(errno);
    return;
  }
  pages_ = static_cast<char*>(pages);
  madvise(pages_, kSweptPages * kPage, MADV_NOHUGEPAGE);
  for (uintptr_t page = 0; page < kSweptPages; ++page) pages_[page * kPage] = 1;
}

CacheEvictor::~CacheEvictor() {
  if (pagemap_ >= 0) close(pagemap_);
  if (pages_ != nullptr) munmap(pages_, kSweptPages * kPage);
}

int64_t CacheEvictor::evict() {
  if (!unsuitable_.empty()) return 0;
  int64_t flushed = 0;
  constexpr size_t kBatch = 1 << 16;
  entries_.resize(kBatch);
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::istringstream words(line);
    std::string range, permissions, offset, device, inode, path;
    words >> range >> permissions >> offset >> device >> inode >> path;
    unsigned long long begin = 0, end = 0;
    if (std::sscanf(range.c_str(), "%llx-%llx", &begin, &end) != 2) continue;
    if (!is_own_memory(permissions, inode, path) || begin == reinterpret_cast<uintptr_t>(pages_)) continue;
    // Flushing a page that isn't there would bring it.
    for (uintptr_t at = begin; at < end;) {
      const size_t wanted = std::min<size_t>(kBatch, (end - at) / kPage);
      const ssize_t got = pread(pagemap_, entries_.data(), wanted * sizeof(uint64_t),
                                static_cast<off_t>(at / kPage * sizeof(uint64_t)));
      if (got < static_cast<ssize_t>(sizeof(uint64_t))) break;
      const auto pages = static_cast<size_t>(got) / sizeof(uint64_t);
      for (size_t i = 0; i < pages; ++i) {
        if ((entries_[i] & kPresent) == 0) continue;
        flush(at + i * kPage, at + (i + 1) * kPage);
        flushed += kPage;
      }
      at += pages * kPage;
    }
  }
  volatile const char* const pages = pages_;
  for (uintptr_t page = 0; page < kSweptPages; ++page) (void)pages[page * kPage + page % (kPage / kLine) * kLine];
  flush(reinterpret_cast<uintptr_t>(pages_), reinterpret_cast<uintptr_t>(pages_) + kPage);
  fence();
  return flushed;
}

std::vector<Timing> measure_cold(const std::vector<Contender>& contenders, CacheEvictor& evictor,
                                 const MeasureOptions& options) {
  if (!evictor.unsuitable().empty()) return {};
  std::vector<std::vector<double>> samples(contenders.size());
  for (const Contender& contender : contenders) contender.run();  // the first call may build per-thread buffers
  const auto start = Clock::now();
  const double budget_ns = options.budget_ms * 1e6 * static_cast<double>(contenders.size());
  for (int64_t round = 0; round < options.max_samples; ++round) {
    const std::chrono::duration<double, std::nano> spent = Clock::now() - start;
    if (round >= options.min_samples && spent.count() >= budget_ns) break;
    for (size_t i = 0; i < contenders.size(); ++i) {
      evictor.evict();
      Clock::now();  // the clock's own lines come back outside the timing
      const auto begin = Clock::now();
      contenders[i].run();
      const std::chrono::duration<double, std::nano> time = Clock::now() - begin;
      samples[i].push_back(time.count());
    }
    if (options.progress) options.progress();
  }
  std::vector<Timing> timings;
  for (size_t i = 0; i < contenders.size(); ++i) {
    std::sort(samples[i].begin(), samples[i].end());
    timings.push_back({contenders[i].name, samples[i].front(), samples[i][samples[i].size() / 2],
                       static_cast<int64_t>(samples[i].size()), 1});
  }
  return timings;
}

}  // namespace sparsmith::bench

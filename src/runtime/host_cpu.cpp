#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "sparsmith/caches.h"
#include "sparsmith/calibrate.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace sparsmith {

const CacheSizes& host_caches() {
  const auto bytes_of = [](int name, int64_t unknown) {
    const long bytes = sysconf(name);
    return bytes > 0 ? static_cast<int64_t>(bytes) : unknown;
  };
  static const CacheSizes sizes{.l1 = bytes_of(_SC_LEVEL1_DCACHE_SIZE, 32 << 10),
                                .l1i = bytes_of(_SC_LEVEL1_ICACHE_SIZE, 32 << 10),
                                .l2 = bytes_of(_SC_LEVEL2_CACHE_SIZE, 1 << 20),
                                .l3 = bytes_of(_SC_LEVEL3_CACHE_SIZE, 8 << 20)};
  return sizes;
}

std::string host_cpu() {
#if defined(__x86_64__)
  std::array<unsigned, 12> words{};
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  for (unsigned leaf = 0; leaf < 3; ++leaf) {
    unsigned* const at = words.data() + 4 * leaf;
    if (__get_cpuid(0x80000002 + leaf, at, at + 1, at + 2, at + 3) == 0) return "unknown CPU";
  }
  char name[sizeof words + 1] = {};
  std::memcpy(name, words.data(), sizeof words);
  std::string text;
  for (const char* c = name; *c != 0; ++c) {
    if (*c > ' ' && *c < 127) {
      text += *c;
    } else if (!text.empty() && text.back() != ' ') {
      text += ' ';
    }
  }
  while (!text.empty() && text.back() == ' ') text.pop_back();
  __get_cpuid(1, &eax, &ebx, &ecx, &edx);
  char model[32];
  std::snprintf(model, sizeof model, " (%08x)", eax);
  return text + model;
#else
  return "unknown CPU";
#endif
}

}  // namespace sparsmith

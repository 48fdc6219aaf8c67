#include "runtime/cpu_features.h"

#include <cstdint>
#include <iterator>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace sparsmith {
namespace {

enum class Register : uint8_t { a, b, c, d };
/// The registers a feature computes in, which the operating system has to save (bits of XCR0).
enum class Saved : uint8_t { sse, ymm, zmm };

struct Feature {
  std::string_view name;  // LLVM's
  uint32_t leaf, subleaf;
  Register reg;
  uint8_t bit;
  Saved saved;
  const char* implies[3] = {};  // each stands earlier in the table
};

constexpr uint32_t kExtended = 0x80000001;

// In order of importance: the first one missing is the one that messages name. CPUID positions are those of the
// Intel SDM, volume 2A, CPUID; implications are LLVM's (X86.td).
constexpr Feature kFeatures[] = {
    {"sse3", 1, 0, Register::c, 0, Saved::sse},
    {"ssse3", 1, 0, Register::c, 9, Saved::sse, {"sse3"}},
    {"sse4.1", 1, 0, Register::c, 19, Saved::sse, {"ssse3"}},
    {"sse4.2", 1, 0, Register::c, 20, Saved::sse, {"sse4.1"}},
    {"avx", 1, 0, Register::c, 28, Saved::ymm, {"sse4.2"}},
    {"avx2", 7, 0, Register::b, 5, Saved::ymm, {"avx"}},
    {"fma", 1, 0, Register::c, 12, Saved::ymm, {"avx"}},
    {"f16c", 1, 0, Register::c, 29, Saved::ymm, {"avx"}},
    {"bmi", 7, 0, Register::b, 3, Saved::sse},
    {"bmi2", 7, 0, Register::b, 8, Saved::sse},
    {"cx16", 1, 0, Register::c, 13, Saved::sse},
    {"lzcnt", kExtended, 0, Register::c, 5, Saved::sse},
    {"movbe", 1, 0, Register::c, 22, Saved::sse},
    {"popcnt", 1, 0, Register::c, 23, Saved::sse},
    {"sahf", kExtended, 0, Register::c, 0, Saved::sse},
    {"xsave", 1, 0, Register::c, 26, Saved::sse},
    {"avx512f", 7, 0, Register::b, 16, Saved::zmm, {"avx2", "fma", "f16c"}},
    {"avx512vl", 7, 0, Register::b, 31, Saved::zmm, {"avx512f"}},
    {"avx512bw", 7, 0, Register::b, 30, Saved::zmm, {"avx512f"}},
    {"avx512dq", 7, 0, Register::b, 17, Saved::zmm, {"avx512f"}},
    {"avx512cd", 7, 0, Register::b, 28, Saved::zmm, {"avx512f"}},
    {"avx512bf16", 7, 1, Register::a, 5, Saved::zmm, {"avx512bw"}},
    {"avx512bitalg", 7, 0, Register::c, 12, Saved::zmm, {"avx512bw"}},
    {"avx512fp16", 7, 0, Register::d, 23, Saved::zmm, {"avx512bw"}},
    {"avx512ifma", 7, 0, Register::b, 21, Saved::zmm, {"avx512f"}},
    {"avx512vbmi", 7, 0, Register::c, 1, Saved::zmm, {"avx512bw"}},
    {"avx512vbmi2", 7, 0, Register::c, 6, Saved::zmm, {"avx512bw"}},
    {"avx512vnni", 7, 0, Register::c, 11, Saved::zmm, {"avx512f"}},
    {"avx512vp2intersect", 7, 0, Register::d, 8, Saved::zmm, {"avx512f"}},
    {"avx512vpopcntdq", 7, 0, Register::c, 14, Saved::zmm, {"avx512f"}},
    {"avxifma", 7, 1, Register::a, 23, Saved::ymm, {"avx2"}},
    {"avxneconvert", 7, 1, Register::d, 5, Saved::ymm, {"avx2"}},
    {"avxvnni", 7, 1, Register::a, 4, Saved::ymm, {"avx2"}},
    {"avxvnniint16", 7, 1, Register::d, 10, Saved::ymm, {"avx2"}},
    {"avxvnniint8", 7, 1, Register::d, 4, Saved::ymm, {"avx2"}},
};
constexpr size_t kCount = std::size(kFeatures);
static_assert(kCount <= CpuFeatures().size());

constexpr size_t position_of(std::string_view name) {
  size_t i = 0;
  while (i < kCount && kFeatures[i].name != name) ++i;
  return i;
}

// One pass in either direction closes a set only because implications point backwards.
constexpr bool implications_point_backwards() {
  for (size_t i = 0; i < kCount; ++i)
    for (const char* name : kFeatures[i].implies)
      if (name != nullptr && position_of(name) >= i) return false;
  return true;
}
static_assert(implications_point_backwards());

CpuFeatures read_host_features() {
  CpuFeatures set;
#if defined(__x86_64__)
  uint32_t a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return set;
  uint64_t saved_state = 0;
  if (c & (1u << 27)) {  // OSXSAVE: XGETBV may be asked what the operating system saves
    uint32_t low = 0, high = 0;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    saved_state = uint64_t{high} << 32 | low;
  }
  const bool ymm = (saved_state & 0x06) == 0x06, zmm = ymm && (saved_state & 0xe0) == 0xe0;
  for (size_t i = 0; i < kCount; ++i) {
    const Feature& f = kFeatures[i];
    if ((f.saved == Saved::ymm && !ymm) || (f.saved == Saved::zmm && !zmm)) continue;
    if (f.subleaf > 0) {  // EAX of subleaf 0 is the highest subleaf
      if (!__get_cpuid_count(f.leaf, 0, &a, &b, &c, &d) || a < f.subleaf) continue;
    }
    uint32_t regs[4] = {};
    if (!__get_cpuid_count(f.leaf, f.subleaf, &regs[0], &regs[1], &regs[2], &regs[3])) continue;
    set[i] = (regs[static_cast<size_t>(f.reg)] >> f.bit) & 1;
  }
  // A hypervisor may show a feature and hide what it builds on; code for it would use both.
  for (size_t i = 0; i < kCount; ++i)
    for (const char* name : kFeatures[i].implies)
      if (name != nullptr && !set[position_of(name)]) set[i] = false;
#endif
  return set;
}

}  // namespace

std::optional<size_t> find_feature(std::string_view llvm_name) {
  const size_t position = position_of(llvm_name);
  if (position == kCount) return std::nullopt;
  return position;
}

std::string_view feature_name(size_t position) { return kFeatures[position].name; }
size_t feature_count() { return kCount; }

CpuFeatures with_feature(CpuFeatures set, size_t position) {
  set.set(position);
  for (size_t i = position + 1; i-- > 0;)
    if (set[i])
      for (const char* name : kFeatures[i].implies)
        if (name != nullptr) set.set(position_of(name));
  return set;
}

CpuFeatures without_feature(CpuFeatures set, size_t position) {
  set.reset(position);
  for (size_t i = position + 1; i < kCount; ++i)
    for (const char* name : kFeatures[i].implies)
      if (name != nullptr && !set[position_of(name)]) set.reset(i);
  return set;
}

CpuFeatures features_of(std::initializer_list<std::string_view> llvm_names) {
  CpuFeatures set;
  for (const std::string_view name : llvm_names) set = with_feature(set, position_of(name));
  return set;
}

const CpuFeatures& x86_64_v3() {
  static const CpuFeatures set =
      features_of({"avx2", "fma", "f16c", "bmi", "bmi2", "cx16", "lzcnt", "movbe", "popcnt", "sahf", "xsave"});
  return set;
}

const CpuFeatures& x86_64_v4() {
  static const CpuFeatures set = x86_64_v3() | features_of({"avx512f", "avx512vl", "avx512bw", "avx512dq", "avx512cd"});
  return set;
}

const CpuFeatures& host_features() {
  static const CpuFeatures set = read_host_features();
  return set;
}

}  // namespace sparsmith

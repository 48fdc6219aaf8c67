#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "runtime/loaded_code.h"

namespace sparsmith {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;
// Straight-line code of megabytes overruns the first-level instruction TLB (64 pages of 4 KiB); from here on huge pages
// are asked for, and at most half of one is wasted.
constexpr size_t kHugePageThreshold = kHugePage / 2;
constexpr int kTrap = 0xcc;  // int3: running off the end stops at once

size_t round_up(size_t size, size_t unit) { return (size + unit - 1) / unit * unit; }

Error map_error(const char* what, size_t size, int number) {
  const char* hint = number == EACCES || number == EPERM
                         ? "a security policy of this system (SELinux execmem, seccomp, noexec) forbids generated code"
                         : "";
  return unsuitable(std::string("can't ") + what + " " + std::to_string(size) + " bytes for generated code (errno " +
                        std::to_string(number) + ")",
                    hint);
}

// Anonymous writable pages that start on a multiple of `alignment`, itself a multiple of the page size.
void* map_aligned(size_t size, size_t alignment, size_t page) {
  const size_t slack = alignment > page ? alignment : 0;
  void* mapped = mmap(nullptr, size + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED || slack == 0) return mapped;
  auto* begin = static_cast<uint8_t*>(mapped);
  const size_t lead = round_up(reinterpret_cast<uintptr_t>(begin), alignment) - reinterpret_cast<uintptr_t>(begin);
  if (lead > 0) munmap(begin, lead);
  if (slack > lead) munmap(begin + lead + size, slack - lead);
  return begin + lead;
}

}  // namespace

Result<ExecutableMemory> ExecutableMemory::create(const void* code, size_t size, bool executable) {
  if (size == 0) return internal_error("generated code of 0 bytes can't be mapped");
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const bool huge = executable && size >= kHugePageThreshold;
  ExecutableMemory memory;
  const size_t mapped_bytes = round_up(size, huge ? kHugePage : page);
  void* mapped = map_aligned(mapped_bytes, huge ? kHugePage : page, page);
  if (mapped == MAP_FAILED) return map_error("map", mapped_bytes, errno);
  memory.data_ = static_cast<uint8_t*>(mapped);
  memory.size_ = mapped_bytes;
  if (huge) madvise(mapped, mapped_bytes, MADV_HUGEPAGE);  // a wish; small pages run too

  std::memcpy(memory.data_, code, size);
  std::memset(memory.data_ + size, kTrap, mapped_bytes - size);
  if (mprotect(mapped, mapped_bytes, executable ? PROT_READ | PROT_EXEC : PROT_READ) != 0)
    return map_error("make executable", mapped_bytes, errno);
  return memory;
}

ExecutableMemory::ExecutableMemory(ExecutableMemory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

ExecutableMemory& ExecutableMemory::operator=(ExecutableMemory&& other) noexcept {
  ExecutableMemory taken(std::move(other));  // takes what was here with it
  std::swap(data_, taken.data_);
  std::swap(size_, taken.size_);
  return *this;
}

ExecutableMemory::~ExecutableMemory() {
  if (data_) munmap(data_, size_);
}

}  // namespace sparsmith

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <mutex>

#include "runtime/profiling.h"

// The format is the kernel's tools/perf/Documentation/jitdump-specification.txt.
namespace sparsmith {
namespace {

struct FileHeader {
  uint32_t magic = 0x4A695444;  // "JiTD"
  uint32_t version = 1;
  uint32_t header_bytes = sizeof(FileHeader);
  uint32_t machine = EM_X86_64;
  uint32_t padding = 0;
  uint32_t pid = 0;
  uint64_t timestamp = 0;
  uint64_t flags = 0;
};
static_assert(sizeof(FileHeader) == 40);

struct CodeLoad {
  uint32_t id = 0;  // JIT_CODE_LOAD
  uint32_t record_bytes = 0;
  uint64_t timestamp = 0;
  uint32_t pid = 0;
  uint32_t tid = 0;
  uint64_t address = 0;
  uint64_t code_address = 0;
  uint64_t code_bytes = 0;
  uint64_t index = 0;
};
static_assert(sizeof(CodeLoad) == 56);

// The file of this process, open for as long as it lives; trivially destroyed, so that code loaded by destructors of
// static objects still finds it.
struct Dump {
  std::mutex mutex;
  pid_t pid = 0;  // a forked child begins a file of its own
  int file = -1;
  bool failed = false;
  uint64_t next_index = 0;
};
Dump g_dump;

// perf record -k mono uses the same clock.
uint64_t timestamp() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(now.tv_nsec);
}

bool open_dump(Dump& dump, const std::string& path) {
  if (dump.file >= 0) close(dump.file);
  dump.file = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (dump.file < 0) return false;
  FileHeader header;
  header.pid = static_cast<uint32_t>(dump.pid);
  header.timestamp = timestamp();
  if (write(dump.file, &header, sizeof header) != static_cast<ssize_t>(sizeof header)) return false;
  // perf record finds the dump by this mapping; it must be executable, and it stays.
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return mmap(nullptr, page, PROT_READ | PROT_EXEC, MAP_PRIVATE, dump.file, 0) != MAP_FAILED;
}

bool write_record(Dump& dump, const CodeRange& range) {
  CodeLoad record;
  record.record_bytes = static_cast<uint32_t>(sizeof record + range.name.size() + 1 + range.size);
  record.timestamp = timestamp();
  record.pid = static_cast<uint32_t>(dump.pid);
  record.tid = static_cast<uint32_t>(syscall(SYS_gettid));
  record.address = record.code_address = reinterpret_cast<uintptr_t>(range.begin);
  record.code_bytes = range.size;
  record.index = dump.next_index++;
  const iovec parts[] = {{&record, sizeof record},
                         {const_cast<char*>(range.name.c_str()), range.name.size() + 1},
                         {const_cast<uint8_t*>(range.begin), range.size}};
  return writev(dump.file, parts, 3) == static_cast<ssize_t>(record.record_bytes);
}

}  // namespace

void append_jitdump(std::span<const CodeRange> ranges) {
  const std::scoped_lock lock(g_dump.mutex);
  const pid_t pid = getpid();
  const char* directory = std::getenv("JITDUMPDIR");
  const std::string path =
      std::string(directory && *directory ? directory : ".") + "/jit-" + std::to_string(pid) + ".dump";
  if (g_dump.pid != pid) {
    g_dump.pid = pid;
    g_dump.next_index = 0;
    g_dump.failed = !open_dump(g_dump, path);
    if (g_dump.failed) std::fprintf(stderr, "sparsmith: can't write the jitdump %s\n", path.c_str());
  }
  for (const CodeRange& range : ranges) {
    if (g_dump.failed) return;
    if (write_record(g_dump, range)) continue;
    g_dump.failed = true;
    std::fprintf(stderr, "sparsmith: can't go on writing the jitdump %s\n", path.c_str());
  }
}

}  // namespace sparsmith

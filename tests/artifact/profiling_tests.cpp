#include <elf.h>
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>

#include "artifact/file_io.h"
#include "runtime/loaded_code.h"
#include "runtime/profiling.h"
#include "tests/artifact/sample_image.h"

extern "C" {
struct jit_code_entry {
  jit_code_entry* next_entry;
  jit_code_entry* prev_entry;
  const char* symfile_addr;
  uint64_t symfile_size;
};
struct jit_descriptor {
  uint32_t version;
  uint32_t action_flag;
  jit_code_entry* relevant_entry;
  jit_code_entry* first_entry;
};
extern jit_descriptor __jit_debug_descriptor;
}

namespace sparsmith {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Runs `work` in a child process with a variable set, because what it writes is named by the process; its id.
pid_t in_child(const char* variable, const char* value, const std::string& directory,
               const std::function<bool()>& work) {
  const pid_t child = fork();
  if (child == 0) {
    setenv(variable, value, 1);
    setenv("JITDUMPDIR", directory.c_str(), 1);
    _exit(work() ? 0 : 1);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  return child;
}

TEST(CodeRanges, NameEverySegmentWithoutGaps) {
  KernelImage image = sample_image("sym");
  const auto* base = reinterpret_cast<const uint8_t*>(0x1000);
  auto names = [&] {
    std::vector<std::string> out;
    const uint8_t* end = base;
    for (const CodeRange& range : code_ranges(image, base, 48)) {
      EXPECT_EQ(range.begin, end);
      end = range.begin + range.size;
      out.push_back(range.name + "@" + std::to_string(range.begin - base));
    }
    EXPECT_EQ(end, base + 48);
    return out;
  };
  EXPECT_THAT(names(), ElementsAre("sym_t0_k0@0", "sym_t0_k0_single@16", "sym_t1_k0@32"));
  image.variants[0].segments = {{24, 8, 0, 0, 0, 1}};
  EXPECT_THAT(names(), ElementsAre("sym_t0_k0@0", "sym_n3_t0_k0_single@8", "sym_t0_k0_single@16", "sym_n3_t0_k0@24",
                                   "sym_t1_k0@32"));
  image.variants.clear();
  image.segments = {{40, 40, 0, 0, 0, 1}, {8, 8, 0, 1, 0, 1}, {8, 8, 0, 0, 1, 1}};
  EXPECT_THAT(names(), ElementsAre("sym@0", "sym_t1_k0@8", "sym_t0_k0@40"));
  image.segments.clear();
  EXPECT_THAT(names(), ElementsAre("sym@0"));
}

TEST(PerfMap, HasALinePerSegment) {
  const ScratchDirectory scratch;
  const std::string addresses = scratch.file("addresses");
  for (const char* value : {"1", "map", "jitdump,map"}) {
    const pid_t child = in_child("SPARSMITH_PERF", value, scratch.path(), [&] {
      const auto code = load_code(sample_image("mapped"));
      if (!code.ok()) return false;
      std::ofstream(addresses) << reinterpret_cast<uintptr_t>((*code)->memory.data());
      return true;
    });
    uintptr_t base = 0;
    std::ifstream(addresses) >> base;
    const std::string path = "/tmp/perf-" + std::to_string(child) + ".map";  // where perf looks for it
    std::ostringstream expected;
    expected << std::hex << base << " 10 mapped_t0_k0\n"
             << base + 16 << " 10 mapped_t0_k0_single\n"
             << base + 32 << " 10 mapped_t1_k0\n";
    EXPECT_EQ(read_file(path, 1 << 20).value(), expected.str());
    unlink(path.c_str());
  }
}

TEST(PerfMap, IsNotWrittenUnasked) {
  const ScratchDirectory scratch;
  const pid_t child = in_child("SPARSMITH_PERF", "0", scratch.path(), [] { return load_code(sample_image()).ok(); });
  EXPECT_FALSE(std::filesystem::exists("/tmp/perf-" + std::to_string(child) + ".map"));
  EXPECT_TRUE(std::filesystem::is_empty(scratch.path()));
}

TEST(PerfMap, KeepsThreadsApart) {
  const ScratchDirectory scratch;
  const pid_t child = in_child("SPARSMITH_PERF", "map,jitdump", scratch.path(), [] {
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([t] {
        for (int i = 0; i < 10; ++i) (void)load_code(sample_image("thread" + std::to_string(t)));
      });
    for (std::thread& thread : threads) thread.join();
    return true;
  });
  const std::string path = "/tmp/perf-" + std::to_string(child) + ".map";
  std::istringstream lines(read_file(path, 1 << 20).value());
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count)
    EXPECT_THAT(line, testing::MatchesRegex("[0-9a-f]+ 10 thread[0-3]_t[01]_k0(_single)?"));
  EXPECT_EQ(count, 4 * 10 * 3);
  unlink(path.c_str());
}

template <class T>
T number_at(const std::string& bytes, size_t at) {
  T value{};
  EXPECT_LE(at + sizeof value, bytes.size());
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

TEST(Jitdump, HoldsNamesAndCode) {
  const ScratchDirectory scratch;
  const pid_t child = in_child("SPARSMITH_PERF", "jitdump", scratch.path(), [] {
    if (!load_code(sample_image("first")).ok() || !load_code(sample_image("second")).ok()) return false;
    // perf record learns of the file by an executable mapping of it.
    const std::string maps = read_file("/proc/self/maps", 1 << 20).value();
    const size_t at = maps.find("jit-" + std::to_string(getpid()) + ".dump");
    return at != std::string::npos && maps.substr(maps.rfind('\n', at), 60).find(" r-xp ") != std::string::npos;
  });
  const std::string dump = read_file(scratch.file("jit-" + std::to_string(child) + ".dump"), 1 << 20).value();
  EXPECT_EQ(dump.substr(0, 4), "DTiJ");  // 0x4A695444, little-endian
  EXPECT_EQ(number_at<uint32_t>(dump, 4), 1u);
  EXPECT_EQ(number_at<uint32_t>(dump, 8), 40u);
  EXPECT_EQ(number_at<uint32_t>(dump, 12), uint32_t{EM_X86_64});
  EXPECT_EQ(number_at<uint32_t>(dump, 20), static_cast<uint32_t>(child));

  const std::vector<uint8_t> code = sample_image().code;
  std::vector<std::string> names;
  uint64_t last_time = number_at<uint64_t>(dump, 24);
  size_t at = 40;
  for (uint64_t index = 0; at < dump.size(); ++index) {
    EXPECT_EQ(number_at<uint32_t>(dump, at), 0u);  // JIT_CODE_LOAD
    const auto bytes = number_at<uint32_t>(dump, at + 4);
    EXPECT_GE(number_at<uint64_t>(dump, at + 8), last_time);
    last_time = number_at<uint64_t>(dump, at + 8);
    EXPECT_EQ(number_at<uint32_t>(dump, at + 16), static_cast<uint32_t>(child));
    EXPECT_EQ(number_at<uint64_t>(dump, at + 40), 16u);
    EXPECT_EQ(number_at<uint64_t>(dump, at + 48), index);
    names.push_back(dump.c_str() + at + 56);
    EXPECT_EQ(dump.substr(at + bytes - 16, 16), std::string(code.begin(), code.begin() + 16));
    ASSERT_EQ(bytes, 56 + names.back().size() + 1 + 16);
    at += bytes;
  }
  EXPECT_EQ(at, dump.size());
  EXPECT_THAT(names, ElementsAre("first_t0_k0", "first_t0_k0_single", "first_t1_k0", "second_t0_k0",
                                 "second_t0_k0_single", "second_t1_k0"));
}

TEST(Jitdump, IsGivenUpWhereItCannotBeWritten) {
  in_child("SPARSMITH_PERF", "jitdump", "/nowhere",
           [] { return load_code(sample_image()).ok() && load_code(sample_image()).ok(); });
}

// The names in the symbol table of an in-memory ELF, with their absolute addresses.
std::vector<std::pair<std::string, uint64_t>> symbols_of(const char* elf, size_t size) {
  std::vector<std::pair<std::string, uint64_t>> out;
  Elf64_Ehdr header;
  EXPECT_GE(size, sizeof header);
  std::memcpy(&header, elf, sizeof header);
  EXPECT_EQ(std::memcmp(header.e_ident, ELFMAG, SELFMAG), 0);
  std::vector<Elf64_Shdr> sections(header.e_shnum);
  std::memcpy(sections.data(), elf + header.e_shoff, sections.size() * sizeof(Elf64_Shdr));
  for (const Elf64_Shdr& section : sections) {
    if (section.sh_type != SHT_SYMTAB) continue;
    for (size_t at = sizeof(Elf64_Sym); at < section.sh_size; at += sizeof(Elf64_Sym)) {
      Elf64_Sym symbol;
      std::memcpy(&symbol, elf + section.sh_offset + at, sizeof symbol);
      const Elf64_Shdr& text = sections[symbol.st_shndx];
      EXPECT_EQ(text.sh_type, uint32_t{SHT_NOBITS});
      EXPECT_LE(symbol.st_value + symbol.st_size, text.sh_size);
      out.emplace_back(elf + sections[section.sh_link].sh_offset + symbol.st_name, text.sh_addr + symbol.st_value);
    }
  }
  return out;
}

TEST(Gdb, SeesCodeForAsLongAsItIsMapped) {
  ASSERT_EQ(__jit_debug_descriptor.version, 1u);
  ASSERT_EQ(__jit_debug_descriptor.first_entry, nullptr);
  setenv("SPARSMITH_GDB", "1", 1);
  auto first = load_code(sample_image("first")).value();
  auto second = load_code(sample_image("second")).value();
  auto third = load_code(sample_image("third")).value();
  unsetenv("SPARSMITH_GDB");

  const jit_code_entry* entry = __jit_debug_descriptor.first_entry;
  for (const auto& [code, name] : {std::pair{&third, "third"}, {&second, "second"}, {&first, "first"}}) {
    ASSERT_NE(entry, nullptr);
    const auto base = reinterpret_cast<uint64_t>((*code)->memory.data());
    const std::string prefix = name;
    EXPECT_THAT(symbols_of(entry->symfile_addr, entry->symfile_size),
                ElementsAre(std::pair(prefix + "_t0_k0", base), std::pair(prefix + "_t0_k0_single", base + 16),
                            std::pair(prefix + "_t1_k0", base + 32)));
    entry = entry->next_entry;
  }
  EXPECT_EQ(entry, nullptr);

  second.reset();  // from the middle
  EXPECT_EQ(__jit_debug_descriptor.action_flag, 2u);
  entry = __jit_debug_descriptor.first_entry;
  EXPECT_EQ(symbols_of(entry->symfile_addr, entry->symfile_size)[0].first, "third_t0_k0");
  ASSERT_NE(entry->next_entry, nullptr);
  EXPECT_EQ(entry->next_entry->prev_entry, entry);
  EXPECT_EQ(entry->next_entry->next_entry, nullptr);
  third.reset();
  first.reset();
  EXPECT_EQ(__jit_debug_descriptor.first_entry, nullptr);
}

}  // namespace
}  // namespace sparsmith

#include <elf.h>

#include <cstring>
#include <memory>
#include <mutex>

#include "runtime/profiling.h"

// gdb's JIT interface (gdb manual, "JIT Compilation Interface"): gdb breaks in __jit_debug_register_code and reads the
// entry it is told of. Weak, so that all the JITs of a process may share one list, as LLVM's do.
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

extern __attribute__((weak, visibility("default"))) jit_descriptor __jit_debug_descriptor;
jit_descriptor __jit_debug_descriptor = {1, 0, nullptr, nullptr};

__attribute__((weak, visibility("default"), noinline)) void __jit_debug_register_code();
void __jit_debug_register_code() { __asm__ volatile("" ::: "memory"); }
}

namespace sparsmith {
namespace {

enum Action : uint32_t { kNothing, kRegister, kUnregister };

struct Registration : jit_code_entry {
  const uint8_t* base = nullptr;
  std::string elf;
  Registration* next = nullptr;  // ours; the shared list may hold other JITs' entries
};

std::mutex g_mutex;
Registration* g_registrations = nullptr;

void append(std::string& bytes, const void* data, size_t size) { bytes.append(static_cast<const char*>(data), size); }

// A relocatable ELF that holds nothing but a symbol table over code that is already in memory.
std::string make_elf(std::span<const CodeRange> ranges, const uint8_t* base, size_t code_bytes) {
  static constexpr char kNames[] = "\0.text\0.symtab\0.strtab\0.shstrtab";
  enum { kNull, kText, kSymbols, kStrings, kSectionNames, kSections };

  std::string strings(1, '\0');
  std::string symbols(sizeof(Elf64_Sym), '\0');
  for (const CodeRange& range : ranges) {
    Elf64_Sym symbol{};
    symbol.st_name = static_cast<Elf64_Word>(strings.size());
    symbol.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
    symbol.st_shndx = kText;
    symbol.st_value = static_cast<Elf64_Addr>(range.begin - base);
    symbol.st_size = range.size;
    append(symbols, &symbol, sizeof symbol);
    strings.append(range.name.c_str(), range.name.size() + 1);
  }

  Elf64_Shdr sections[kSections] = {};
  uint64_t at = sizeof(Elf64_Ehdr) + sizeof sections;
  const auto place = [&](int section, Elf64_Word name, Elf64_Word type, uint64_t size) {
    sections[section].sh_name = name;
    sections[section].sh_type = type;
    sections[section].sh_offset = at;
    sections[section].sh_size = size;
    sections[section].sh_addralign = 1;
    if (type != SHT_NOBITS) at += size;
  };
  place(kText, 1, SHT_NOBITS, code_bytes);
  sections[kText].sh_flags = SHF_ALLOC | SHF_EXECINSTR;
  sections[kText].sh_addr = reinterpret_cast<uintptr_t>(base);
  sections[kText].sh_addralign = 64;
  place(kSymbols, 7, SHT_SYMTAB, symbols.size());
  sections[kSymbols].sh_addralign = 8;
  sections[kSymbols].sh_entsize = sizeof(Elf64_Sym);
  sections[kSymbols].sh_link = kStrings;
  sections[kSymbols].sh_info = 1;  // the first symbol that isn't local
  place(kStrings, 15, SHT_STRTAB, strings.size());
  place(kSectionNames, 23, SHT_STRTAB, sizeof kNames);

  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_REL;
  header.e_machine = EM_X86_64;
  header.e_version = EV_CURRENT;
  header.e_shoff = sizeof header;
  header.e_ehsize = sizeof header;
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = kSections;
  header.e_shstrndx = kSectionNames;

  std::string elf;
  append(elf, &header, sizeof header);
  append(elf, sections, sizeof sections);
  return elf + symbols + strings + std::string(kNames, sizeof kNames);
}

void tell_gdb(Action action, jit_code_entry* entry) {
  __jit_debug_descriptor.action_flag = action;
  __jit_debug_descriptor.relevant_entry = entry;
  __jit_debug_register_code();
}

}  // namespace

void register_with_gdb(std::span<const CodeRange> ranges, const uint8_t* base, size_t code_bytes) {
  auto registration = std::make_unique<Registration>();
  registration->base = base;
  registration->elf = make_elf(ranges, base, code_bytes);
  registration->symfile_addr = registration->elf.data();
  registration->symfile_size = registration->elf.size();

  const std::scoped_lock lock(g_mutex);
  jit_code_entry* entry = registration.get();
  entry->prev_entry = nullptr;
  entry->next_entry = __jit_debug_descriptor.first_entry;
  if (entry->next_entry) entry->next_entry->prev_entry = entry;
  __jit_debug_descriptor.first_entry = entry;
  registration->next = g_registrations;
  g_registrations = registration.release();
  tell_gdb(kRegister, entry);
}

void unregister_from_gdb(const uint8_t* base) {
  const std::scoped_lock lock(g_mutex);
  Registration** link = &g_registrations;
  while (*link && (*link)->base != base) link = &(*link)->next;
  if (!*link) return;
  const std::unique_ptr<Registration> registration(*link);
  *link = registration->next;
  jit_code_entry* entry = registration.get();
  if (entry->prev_entry) entry->prev_entry->next_entry = entry->next_entry;
  if (entry->next_entry) entry->next_entry->prev_entry = entry->prev_entry;
  if (__jit_debug_descriptor.first_entry == entry) __jit_debug_descriptor.first_entry = entry->next_entry;
  tell_gdb(kUnregister, entry);
}

}  // namespace sparsmith

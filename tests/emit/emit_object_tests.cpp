#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <numeric>

#include "sparsmith/emit_object.h"

namespace sparsmith {
namespace {

using testing::HasSubstr;

/// Begins as a model's artifact does; what follows is any bytes, zeros and line ends among them.
std::string artifact_of(size_t size) {
  std::string bytes("\x8bSMM\r\n\x1a\n", 8);
  for (size_t i = bytes.size(); i < size; ++i) bytes.push_back(static_cast<char>(i * 7 % 251));
  return bytes;
}

template <class T>
T at(const std::string& file, uint64_t offset) {
  T value{};
  if (offset > file.size() || file.size() - offset < sizeof value) throw std::out_of_range("the file ends");
  std::memcpy(&value, file.data() + offset, sizeof value);
  return value;
}

struct Symbol {
  Elf64_Sym entry;
  std::string section;
  Elf64_Shdr header;
  std::string bytes;
};

/// The global symbols of an object, and whether it asks for a stack without code.
struct Object {
  explicit Object(const std::string& file) : elf(at<Elf64_Ehdr>(file, 0)) {
    for (unsigned s = 0; s < elf.e_shnum; ++s)
      sections.push_back(at<Elf64_Shdr>(file, elf.e_shoff + s * sizeof(Elf64_Shdr)));
    const auto text = [&](const Elf64_Shdr& table, uint32_t offset) {
      return std::string(file.c_str() + table.sh_offset + offset);
    };
    const auto name_of = [&](const Elf64_Shdr& section) { return text(sections[elf.e_shstrndx], section.sh_name); };
    for (const Elf64_Shdr& section : sections) {
      if (name_of(section) == ".note.GNU-stack") plain_stack = (section.sh_flags & SHF_EXECINSTR) == 0;
      if (section.sh_type != SHT_SYMTAB) continue;
      for (uint64_t i = 0; i < section.sh_size; i += sizeof(Elf64_Sym)) {
        const auto entry = at<Elf64_Sym>(file, section.sh_offset + i);
        if (ELF64_ST_BIND(entry.st_info) != STB_GLOBAL) continue;
        const Elf64_Shdr& home = sections.at(entry.st_shndx);
        symbols[text(sections[section.sh_link], entry.st_name)] = {
            entry, name_of(home), home, file.substr(home.sh_offset + entry.st_value, entry.st_size)};
      }
    }
  }
  Elf64_Ehdr elf;
  std::vector<Elf64_Shdr> sections;
  std::map<std::string, Symbol> symbols;
  bool plain_stack = false;
};

TEST(EmitObject, HoldsTheArtifactAsReadOnlyData) {
  for (const size_t size : {size_t{8}, size_t{9}, size_t{100003}}) {
    const std::string artifact = artifact_of(size);
    const auto emitted = emit_object(artifact, "net_1");
    ASSERT_TRUE(emitted.ok()) << emitted.error().message;
    const Object object(emitted->object);
    EXPECT_EQ(object.elf.e_type, ET_REL);
    EXPECT_EQ(object.elf.e_machine, EM_X86_64);
    EXPECT_TRUE(object.plain_stack);
    ASSERT_EQ(object.symbols.size(), 2u);
    const Symbol& data = object.symbols.at("net_1_smk");
    EXPECT_EQ(data.section, ".rodata.net_1_smk");
    EXPECT_EQ(data.header.sh_flags, uint64_t{SHF_ALLOC});
    EXPECT_EQ(data.header.sh_addralign, 64u);
    EXPECT_EQ(ELF64_ST_TYPE(data.entry.st_info), STT_OBJECT);
    EXPECT_EQ(data.entry.st_value, 0u);
    EXPECT_TRUE(data.bytes == artifact);
    const Symbol& bytes = object.symbols.at("net_1_smk_size");
    EXPECT_EQ(bytes.header.sh_flags, uint64_t{SHF_ALLOC});
    EXPECT_EQ(at<uint64_t>(bytes.bytes, 0), size);
    EXPECT_EQ(emit_object(artifact, "net_1")->object, emitted->object) << "not the same bytes twice";
  }
}

TEST(EmitObject, HeaderNamesTheModelEverywhere) {
  const auto emitted = emit_object(artifact_of(100), "Xception");
  ASSERT_TRUE(emitted.ok());
  EXPECT_THAT(emitted->header, HasSubstr("extern const unsigned char Xception_smk[];"));
  EXPECT_THAT(emitted->header, HasSubstr("extern const size_t Xception_smk_size;"));
  EXPECT_THAT(emitted->header, HasSubstr(" Xception_load()"));
  EXPECT_THAT(emitted->header, testing::Not(HasSubstr("NAME")));
}

TEST(EmitObject, RefusesWhatIsNoModelOrNoName) {
  for (const char* bytes : {"", "\x8bSMM",
                            "\x7f"
                            "ELF and so on"}) {
    const auto emitted = emit_object(bytes, "net");
    ASSERT_FALSE(emitted.ok());
    EXPECT_EQ(emitted.error().kind, ErrorKind::bad_input);
    EXPECT_THAT(emitted.error().message, HasSubstr("net"));
  }
  for (const std::string& name : {std::string(), std::string("1a"), std::string("a-b"), std::string("a b"),
                                  std::string("a\0b", 3), std::string("\xc3\xa4"), std::string(201, 'a')}) {
    const auto emitted = emit_object(artifact_of(64), name);
    ASSERT_FALSE(emitted.ok()) << name;
    EXPECT_EQ(emitted.error().kind, ErrorKind::bad_input);
    EXPECT_THAT(emitted.error().message, HasSubstr("can't be the name of symbols"));
  }
  EXPECT_TRUE(emit_object(artifact_of(64), std::string(200, 'a')).ok());
}

TEST(EmitObject, NamesComeFromFiles) {
  EXPECT_EQ(object_name("mobilenet_v1_90.onnx"), "mobilenet_v1_90");
  EXPECT_EQ(object_name("/a.b/all-MiniLM.L6.onnx"), "all_MiniLM_L6");
  EXPECT_EQ(object_name("dir/3net.o"), "model_3net");
  EXPECT_EQ(object_name(""), "model_");
  EXPECT_EQ(object_name("net"), "net");
  for (const std::string& path :
       {std::string(1000, 'x'), std::string("7") + std::string(1000, 'y'), std::string("\xff.o")}) {
    EXPECT_TRUE(emit_object(artifact_of(64), object_name(path)).ok()) << object_name(path);
  }
}

}  // namespace
}  // namespace sparsmith

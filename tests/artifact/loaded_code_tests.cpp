#include <gmock/gmock.h>

#include <cstring>
#include <fstream>
#include <sstream>

#include "runtime/cpu_features.h"
#include "runtime/loaded_code.h"
#include "sparsmith/target.h"
#include "tests/artifact/sample_image.h"

namespace sparsmith {
namespace {

using testing::HasSubstr;

// "r-xp" and the like of the mapping that holds an address; empty when nothing is mapped there.
std::string permissions_at(const void* address) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::istringstream in(line);
    uintptr_t begin = 0, end = 0;
    char dash = 0;
    std::string permissions;
    in >> std::hex >> begin >> dash >> end >> permissions;
    const auto at = reinterpret_cast<uintptr_t>(address);
    if (at >= begin && at < end) return permissions;
  }
  return {};
}

TEST(ExecutableMemory, IsNeverWritableOnceItIsThere) {
  for (const size_t size : {size_t{1}, size_t{4096}, size_t{4097}, size_t{3} << 20}) {
    const std::vector<uint8_t> code(size, 0xc3);
    const auto memory = ExecutableMemory::create(code.data(), size);
    ASSERT_TRUE(memory.ok()) << memory.error().message;
    EXPECT_GE(memory->size(), size);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(memory->data()) % 64, 0u);
    for (size_t at = 0; at < memory->size(); at += 4096) ASSERT_EQ(permissions_at(memory->data() + at), "r-xp") << at;
    EXPECT_EQ(std::memcmp(memory->data(), code.data(), size), 0);
    for (size_t at = size; at < memory->size(); ++at) ASSERT_EQ(memory->data()[at], 0xcc) << "padding traps";
  }
}

TEST(ExecutableMemory, IsOnlyReadableForOtherMachines) {
  const auto memory = ExecutableMemory::create("\xc3", 1, false);
  ASSERT_TRUE(memory.ok());
  EXPECT_EQ(permissions_at(memory->data()), "r--p");
}

TEST(ExecutableMemory, IsReleasedWithItsOwner) {
  const uint8_t* address = nullptr;
  {
    auto memory = ExecutableMemory::create("\xc3", 1).value();
    address = memory.data();
    ExecutableMemory moved(std::move(memory));
    EXPECT_EQ(memory.data(), nullptr);
    EXPECT_EQ(moved.data(), address);
    ExecutableMemory assigned = ExecutableMemory::create("\xc3", 1).value();
    const uint8_t* replaced = assigned.data();
    assigned = std::move(moved);
    EXPECT_EQ(assigned.data(), address);
    EXPECT_EQ(permissions_at(replaced), "") << "what was there before is released at once";
    EXPECT_EQ(permissions_at(address), "r-xp");
  }
  EXPECT_EQ(permissions_at(address), "");
}

TEST(LoadCode, MapsCodeThatRuns) {
  if (const std::string missing = Target::parse("x86-64-v3").value().missing_on_host(); !missing.empty())
    GTEST_SKIP() << "this CPU lacks " << missing;
  const KernelImage image = sample_image();
  const auto code = load_code(image);
  ASSERT_TRUE(code.ok()) << code.error().message;
  const LoadedCode& loaded = **code;
  EXPECT_EQ(loaded.missing_feature, "");
  EXPECT_EQ(loaded.code_bytes, image.code.size());
  EXPECT_TRUE(loaded.image.code.empty());
  EXPECT_TRUE(loaded.image.values.empty());
  EXPECT_EQ(loaded.image.symbol, image.symbol);
  EXPECT_EQ(std::memcmp(loaded.memory.data(), image.code.data(), image.code.size()), 0);
  for (const Segment& segment : loaded.image.segments) {
    float y = 0;
    EntryArgs args{};
    args.y = &y;
    loaded.entry(segment.main_offset)(&args);
    uint32_t bits = 0;
    std::memcpy(&bits, &y, sizeof bits);
    EXPECT_EQ(bits, 42u);
  }
}

TEST(LoadCode, NamesTheFeatureThisCpuLacks) {
  std::string lacking;
  for (size_t i = 0; i < feature_count() && lacking.empty(); ++i)
    if (!host_features()[i]) lacking = std::string(feature_name(i));
  if (lacking.empty()) GTEST_SKIP() << "this CPU has every feature that a target may name";
  KernelImage image = sample_image();
  image.target = "x86-64-v3,+" + lacking;
  const auto code = load_code(image);
  ASSERT_TRUE(code.ok()) << code.error().message;
  EXPECT_FALSE((*code)->missing_feature.empty());
  EXPECT_EQ(permissions_at((*code)->memory.data()), "r--p");
}

TEST(LoadCode, RefusesWhatItCannotName) {
  KernelImage image = sample_image();
  image.target = "riscv";
  const auto unknown = load_code(image);
  ASSERT_FALSE(unknown.ok());
  EXPECT_THAT(unknown.error().message, HasSubstr("unknown target 'riscv'"));
  image = sample_image();
  image.code.clear();
  EXPECT_FALSE(load_code(image).ok());
}

}  // namespace
}  // namespace sparsmith

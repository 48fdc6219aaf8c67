// Measured costs on disk: what is written comes back, and nothing else is believed.
#include <gmock/gmock.h>

#include "artifact/file_io.h"
#include "cache/machine_file.h"
#include "tests/cache/cache_test_support.h"

namespace sparsmith {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

MachineCosts sample() {
  return {"Some CPU (00050654)", Isa::avx512, {{"fma", 0.1652}, {"x_l1", 1.0 / 3}, {"zero", 0}}, 0.125};
}

// The text with its last line made right again, as someone would who edits the file by intent.
std::string resigned(std::string text) {
  text.erase(text.rfind("sum "));
  return text + "sum " + digest_of(text.data(), text.size()).hex() + "\n";
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  EXPECT_THAT(text, HasSubstr(from));
  return resigned(text.replace(text.find(from), from.size(), to));
}

std::string error_of(const std::string& text) {
  const auto costs = parse_machine_text(text, "costs.txt");
  EXPECT_FALSE(costs.ok()) << text;
  return costs.ok() ? std::string() : costs.error().message;
}

TEST(MachineFile, ComesBackAsItWas) {
  const auto read = parse_machine_text(machine_text(sample()), "costs.txt");
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(*read, sample());
}

TEST(MachineFile, EveryChangedByteAndEveryCutIsSeen) {
  const std::string text = machine_text(sample());
  for (size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    error_of(changed);
    error_of(text.substr(0, i));
  }
  error_of(text + "x");
  error_of(text + text);
}

TEST(MachineFile, NumbersThatCannotBeCostsAreRefused) {
  const std::string text = machine_text(sample());
  for (const char* value : {"nan", "inf", "-1", "1e7", "1e999", "0x1", "", "1 2", "0.1652,", "abc"}) {
    EXPECT_THAT(error_of(replaced(text, "zero 0", std::string("zero ") + value)), HasSubstr("costs.txt has a line"))
        << value;
  }
  EXPECT_THAT(error_of(replaced(text, "zero 0", "Zero 0")), HasSubstr("not a name and a cost"));
  EXPECT_THAT(error_of(replaced(text, "zero 0", "x_l1 0")), HasSubstr("twice or out of order"));
  EXPECT_THAT(error_of(replaced(text, "zero 0", "a 0")), HasSubstr("twice or out of order"));
  EXPECT_THAT(error_of(replaced(text, "error 0.125", "error -1")), HasSubstr("error of the fit"));
  EXPECT_THAT(error_of(replaced(text, "isa avx512", "isa sse")), HasSubstr("no instruction set"));
  EXPECT_THAT(error_of(replaced(text, "costs 1", "costs 2")), HasSubstr("not a file of machine costs"));
  EXPECT_THAT(error_of(resigned(text.substr(0, text.find("fma")) + "sum ")), HasSubstr("no costs"));
  EXPECT_THAT(error_of(std::string(1 << 20, 'a')), HasSubstr("too large"));
  EXPECT_THAT(error_of(""), HasSubstr("not a file of machine costs"));
  std::string many = text.substr(0, text.find("fma"));
  for (int i = 100; i < 300; ++i) many += "c" + std::to_string(i) + " 1\n";
  EXPECT_THAT(error_of(resigned(many + "sum ")), HasSubstr("too many costs"));
}

class StoredCosts : public testing::Test {
 protected:
  CacheOptions options() { return {scratch.path(), 1 << 20, warnings.sink()}; }
  static MachineCosts of_this_machine() {
    MachineCosts costs = sample();
    costs.cpu = host_cpu();
    return costs;
  }
  ScratchDirectory scratch;
  Warnings warnings;
};

TEST_F(StoredCosts, AreFoundByLaterCachesOnTheDirectory) {
  EXPECT_EQ(Cache(options()).machine_costs(Isa::avx512), nullptr);
  Cache cache(options());
  const auto path = cache.store_machine_costs(of_this_machine());
  ASSERT_TRUE(path.ok()) << path.error().message;
  for (int i = 0; i < 2; ++i) EXPECT_EQ(*cache.machine_costs(Isa::avx512), of_this_machine());
  EXPECT_EQ(*Cache(options()).machine_costs(Isa::avx512), of_this_machine());
  EXPECT_EQ(Cache(options()).machine_costs(Isa::avx2), nullptr);
  EXPECT_EQ(Cache().machine_costs(Isa::avx512), nullptr);
  EXPECT_FALSE(Cache().store_machine_costs(of_this_machine()).ok());
  EXPECT_THAT(warnings.all(), IsEmpty());
}

TEST_F(StoredCosts, OfAnotherMachineOrDamagedAreWarnedOfOnceAndNotUsed) {
  const auto path = Cache(options()).store_machine_costs(of_this_machine());
  ASSERT_TRUE(path.ok());
  std::string text = read_file(*path, kMaxMachineBytes).value();
  text[text.find("0.")] = '7';
  ASSERT_TRUE(write_file_atomic(*path, text).ok());
  Cache cache(options());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(cache.machine_costs(Isa::avx512), nullptr);
  EXPECT_THAT(warnings.all(), SizeIs(1));
  ASSERT_TRUE(write_file_atomic(*path, machine_text(sample())).ok());
  EXPECT_EQ(Cache(options()).machine_costs(Isa::avx512), nullptr);
  EXPECT_THAT(warnings.all().back(), HasSubstr("Some CPU"));
  EXPECT_THAT(warnings.all(), SizeIs(2));
}

}  // namespace
}  // namespace sparsmith

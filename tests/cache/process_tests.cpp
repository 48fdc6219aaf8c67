#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include "artifact/file_io.h"
#include "tests/cache/cache_test_support.h"

namespace sparsmith {
namespace {

constexpr int kProcesses = 6;

// Forks kProcesses children at once and expects each to exit with 0.
void in_children(const std::function<int(int)>& work) {
  std::vector<pid_t> children;
  for (int p = 0; p < kProcesses; ++p) {
    const pid_t child = fork();
    if (child == 0) _exit(work(p));
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0) << "exit " << WEXITSTATUS(status);
  }
}

TEST(CacheProcesses, ShareEntries) {
  const ScratchDirectory scratch;
  in_children([&](int) {
    for (int round = 0; round < 50; ++round) {
      Warnings warnings;
      Cache cache({scratch.path(), 1 << 20, warnings.sink()});
      const auto number = static_cast<uint64_t>(round % 10);
      const std::string symbol = "k" + std::to_string(number);
      CountedBuild build(symbol, 5'000);
      const auto found = cache.get_or_build(key_of(number), build());
      if (!found.ok()) return 10;
      if (found->code->image.symbol != symbol) return 11;
      if (round >= 10 && found->source != Cache::Source::disk) return 12;
      if (!warnings.all().empty()) return 13;
    }
    return 0;
  });
  Cache cache({scratch.path(), 1 << 20, {}});
  const auto entries = cache.list().value();
  EXPECT_EQ(entries.size(), 10u);
  for (const CacheEntry& entry : entries) EXPECT_NE(entry.symbol, "damaged");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(scratch.path()), {}), 10) << "no temporaries";
}

// One damages entries and clears the directory, the others must never see a wrong kernel or an error.
TEST(CacheProcesses, SurviveEachOther) {
  const ScratchDirectory scratch;
  in_children([&](int process) {
    for (int round = 0; round < 60; ++round) {
      const auto number = static_cast<uint64_t>((round * 3 + process) % 8);
      Warnings warnings;
      Cache cache({scratch.path(), 40'000, warnings.sink()});
      if (process == 0) {
        if (round % 10 == 0 && !cache.clear().ok()) return 9;
        (void)write_file_atomic(entry_path(scratch.path(), number), "damaged", false);
        continue;
      }
      const std::string symbol = "k" + std::to_string(number);
      CountedBuild build(symbol, 10'000);
      const auto found = cache.get_or_build(key_of(number), build());
      if (!found.ok()) return 10;
      if (found->code->image.symbol != symbol) return 11;
      if (!warnings.all().empty()) return 12;
    }
    return 0;
  });
}

}  // namespace
}  // namespace sparsmith

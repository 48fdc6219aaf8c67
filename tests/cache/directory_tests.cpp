#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "artifact/file_io.h"
#include "tests/cache/cache_test_support.h"

namespace sparsmith {
namespace {

using testing::HasSubstr;

// A directory that can't be used must cost builds and one warning, nothing else.
void expect_degraded(const std::string& directory, const std::string& reason) {
  Warnings warnings;
  CountedBuild build;
  Cache cache({directory, 1 << 20, warnings.sink()});
  for (uint64_t number = 1; number <= 3; ++number) {
    const auto found = cache.get_or_build(key_of(number), build());
    ASSERT_TRUE(found.ok()) << found.error().message;
    EXPECT_EQ(found->source, Cache::Source::built);
  }
  ASSERT_EQ(warnings.all().size(), 1u);
  EXPECT_THAT(warnings.all()[0], HasSubstr("the cache directory " + directory + " can't be used: "));
  EXPECT_THAT(warnings.all()[0], HasSubstr(reason));
}

// Runs `work` in a child, which may spoil its own process; its exit status.
int in_child(const std::function<int()>& work) {
  const pid_t child = fork();
  if (child == 0) _exit(work());
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

TEST(CacheDirectory, ThatIsAFile) {
  const ScratchDirectory scratch;
  ASSERT_TRUE(write_file_atomic(scratch.file("cache"), "I am a file").ok());
  expect_degraded(scratch.file("cache"), "Not a directory");
  EXPECT_EQ(read_file(scratch.file("cache"), 100).value(), "I am a file");
  Cache cache({scratch.file("cache"), 1 << 20, {}});
  EXPECT_FALSE(cache.list().ok());
  EXPECT_FALSE(cache.clear().ok());
}

TEST(CacheDirectory, ThatCannotBeMade) { expect_degraded("/proc/sparsmith/cache", "No such file or directory"); }

TEST(CacheDirectory, ThatIsALoopOfLinks) {
  const ScratchDirectory scratch;
  std::filesystem::create_symlink("loop", scratch.file("loop"));
  expect_degraded(scratch.file("loop"), "Too many levels of symbolic links");
}

TEST(CacheDirectory, ThatIsMissingIsEmpty) {
  const ScratchDirectory scratch;
  Cache cache({scratch.file("none"), 1 << 20, {}});
  EXPECT_TRUE(cache.list().value().empty());
  EXPECT_EQ(cache.clear().value(), 0);
}

// Root may write anywhere: the child becomes somebody else first.
TEST(CacheDirectory, ThatIsReadOnlyIsStillRead) {
  const ScratchDirectory scratch;
  CountedBuild build;
  ASSERT_TRUE(Cache({scratch.path(), 1 << 20, {}}).get_or_build(key_of(1), build()).ok());
  ASSERT_EQ(chmod(scratch.path().c_str(), 0555), 0);
  const int status = in_child([&] {
    if (geteuid() == 0) {
      if (setgid(12345) != 0 || setuid(12345) != 0) return 3;
    }
    Warnings warnings;
    Cache cache({scratch.path(), 1 << 20, warnings.sink()});
    const auto old_one = cache.get_or_build(key_of(1), build());
    if (!old_one.ok() || old_one->source != Cache::Source::disk) return 10;
    if (!warnings.all().empty()) return 11;
    for (uint64_t number = 2; number < 5; ++number) {
      const auto built = cache.get_or_build(key_of(number), build());
      if (!built.ok() || built->source != Cache::Source::built) return 12;
    }
    if (warnings.all().size() != 1) return 13;
    return warnings.all()[0].find("Permission denied") != std::string::npos ? 0 : 14;
  });
  ASSERT_EQ(chmod(scratch.path().c_str(), 0755), 0);
  if (status == 3) GTEST_SKIP() << "this process may not change its user";
  EXPECT_EQ(status, 0);
}

// Writes stop at 4000 bytes, as on a disk that fills up: the entry must vanish without a trace.
TEST(CacheDirectory, ThatFillsUpDuringAWrite) {
  const ScratchDirectory scratch;
  const int status = in_child([&] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{4000, 4000};
    setrlimit(RLIMIT_FSIZE, &limit);
    Warnings warnings;
    CountedBuild large("large", 10'000);
    Cache cache({scratch.path(), 1 << 20, warnings.sink()});
    for (uint64_t number = 1; number < 4; ++number)
      if (!cache.get_or_build(key_of(number), large()).ok()) return 10;
    if (warnings.all().size() != 1) return 11;
    return std::filesystem::is_empty(scratch.path()) ? 0 : 12;
  });
  EXPECT_EQ(status, 0);
}

TEST(CacheDirectory, OnAFullDisk) {
  const ScratchDirectory scratch;
  const int status = in_child([&] {
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("none", scratch.path().c_str(), "tmpfs", 0, "size=16k") != 0)
      return 3;
    Warnings warnings;
    CountedBuild small("small"), large("large", 100'000);
    Cache cache({scratch.path(), 1 << 20, warnings.sink()});
    if (!cache.get_or_build(key_of(1), small()).ok()) return 10;
    if (!warnings.all().empty()) return 11;
    for (uint64_t number = 2; number < 5; ++number)
      if (!cache.get_or_build(key_of(number), large()).ok()) return 12;
    if (warnings.all().size() != 1) return 13;
    if (warnings.all()[0].find("No space left on device") == std::string::npos) return 14;
    if (cache.list().value().size() != 1) return 15;
    return cache.get_or_build(key_of(1), small())->source == Cache::Source::disk ? 0 : 16;
  });
  if (status == 3) GTEST_SKIP() << "this process may not mount a file system of its own";
  EXPECT_EQ(status, 0);
}

TEST(CacheDirectory, DefaultComesFromTheEnvironment) {
  const int status = in_child([] {
    unsetenv("SPARSMITH_CACHE");
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    if (default_cache_directory() != "") return 10;
    setenv("HOME", "/home/me", 1);
    if (default_cache_directory() != "/home/me/.cache/sparsmith") return 11;
    setenv("XDG_CACHE_HOME", "relative", 1);
    if (default_cache_directory() != "/home/me/.cache/sparsmith") return 12;
    setenv("XDG_CACHE_HOME", "/caches", 1);
    if (default_cache_directory() != "/caches/sparsmith") return 13;
    setenv("SPARSMITH_CACHE", "mine", 1);
    return default_cache_directory() == "mine" ? 0 : 14;
  });
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace sparsmith

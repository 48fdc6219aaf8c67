#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "artifact/file_io.h"
#include "tests/artifact/sample_image.h"

namespace sparsmith {
namespace {

using testing::HasSubstr;

int64_t files_in(const std::string& directory) {
  return std::distance(std::filesystem::directory_iterator(directory), std::filesystem::directory_iterator());
}

TEST(ReadFile, ReadsAllBytes) {
  const ScratchDirectory scratch;
  for (const size_t size : {0, 1, 4095, 4096, 4097, 300'000}) {
    std::string bytes(size, 'x');
    if (size) bytes[size / 2] = '\0';
    ASSERT_TRUE(write_file_atomic(scratch.file("f"), bytes).ok());
    EXPECT_EQ(read_file(scratch.file("f"), 300'000).value(), bytes);
    EXPECT_EQ(read_file_start(scratch.file("f"), 100).value(), bytes.substr(0, 100));
  }
}

TEST(ReadFile, ReadsFilesThatHideTheirSize) {
  EXPECT_THAT(read_file("/proc/self/status", 1 << 20).value(), HasSubstr("VmPeak"));
  EXPECT_EQ(read_file("/dev/null", 10).value(), "");
}

TEST(ReadFile, HoldsItsLimit) {
  const ScratchDirectory scratch;
  const std::string path = scratch.file("f");
  ASSERT_TRUE(write_file_atomic(path, "12345").ok());
  EXPECT_TRUE(read_file(path, 5).ok());
  const auto refused = read_file(path, 4);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().message, path + " is too large: at most 4 bytes are read");
  EXPECT_THAT(read_file("/dev/zero", 1000).error().message, HasSubstr("/dev/zero is too large"));
  // A terabyte of nothing must be refused by its size alone.
  ASSERT_EQ(truncate(path.c_str(), off_t{1} << 40), 0);
  EXPECT_THAT(read_file(path, int64_t{1} << 39).error().message, HasSubstr("is too large"));
  EXPECT_EQ(read_file_start(path, 5).value(), "12345");
}

TEST(ReadFile, SaysWhatTheSystemSaid) {
  const ScratchDirectory scratch;
  FileFacts facts;
  EXPECT_EQ(read_file(scratch.file("none"), 10, &facts).error().message,
            "can't read " + scratch.file("none") + ": No such file or directory");
  EXPECT_EQ(facts.error_number, ENOENT);
  EXPECT_EQ(read_file(scratch.path(), 10, &facts).error().message, "can't read " + scratch.path() + ": Is a directory");
  ASSERT_TRUE(write_file_atomic(scratch.file("f"), "x").ok());
  EXPECT_THAT(read_file(scratch.file("f/g"), 10, &facts).error().message, HasSubstr("Not a directory"));
  EXPECT_EQ(facts.error_number, ENOTDIR);
}

TEST(ReadFile, SaysWhoCouldHaveWrittenIt) {
  const ScratchDirectory scratch;
  ASSERT_TRUE(write_file_atomic(scratch.file("f"), "x").ok());
  FileFacts facts;
  ASSERT_EQ(chmod(scratch.file("f").c_str(), 0644), 0);
  ASSERT_TRUE(read_file(scratch.file("f"), 10, &facts).ok());
  EXPECT_EQ(facts.owner, geteuid());
  EXPECT_FALSE(facts.others_may_write);
  ASSERT_EQ(chmod(scratch.file("f").c_str(), 0646), 0);
  ASSERT_TRUE(read_file(scratch.file("f"), 10, &facts).ok());
  EXPECT_TRUE(facts.others_may_write);
}

TEST(WriteFile, ReplacesAndLeavesNothingElse) {
  const ScratchDirectory scratch;
  ASSERT_TRUE(write_file_atomic(scratch.file("f"), "one").ok());
  ASSERT_TRUE(write_file_atomic(scratch.file("f"), "two").ok());
  EXPECT_EQ(read_file(scratch.file("f"), 10).value(), "two");
  EXPECT_EQ(files_in(scratch.path()), 1);
}

TEST(WriteFile, FollowsLinks) {
  const ScratchDirectory scratch;
  ASSERT_TRUE(write_file_atomic(scratch.file("f"), "one").ok());
  std::filesystem::create_symlink("f", scratch.file("link"));
  ASSERT_TRUE(write_file_atomic(scratch.file("link"), "two").ok());
  EXPECT_TRUE(std::filesystem::is_symlink(scratch.file("link")));
  EXPECT_EQ(read_file(scratch.file("f"), 10).value(), "two");
}

TEST(WriteFile, SaysWhatTheSystemSaid) {
  const ScratchDirectory scratch;
  const auto words = [](const std::string& path, int expected) {
    int number = 0;
    const Status status = write_file_atomic(path, "x", true, &number);
    EXPECT_EQ(number, expected);
    return status.ok() ? std::string("written") : status.error().message;
  };
  EXPECT_EQ(words(scratch.file("no/f"), ENOENT), "can't write " + scratch.file("no/f") + ": No such file or directory");
  EXPECT_THAT(words(scratch.path(), EISDIR), HasSubstr("Is a directory"));
  EXPECT_EQ(words("/dev/full", ENOSPC), "can't write /dev/full: No space left on device");
  ASSERT_TRUE(write_file_atomic(scratch.file("f"), "x").ok());
  EXPECT_THAT(words(scratch.file("f/g"), ENOTDIR), HasSubstr("Not a directory"));
}

// A file-size limit makes write(2) fail half-way, as a full disk would.
TEST(WriteFile, LeavesTheOldBytesWhenItFailsHalfWay) {
  const ScratchDirectory scratch;
  const std::string path = scratch.file("f");
  ASSERT_TRUE(write_file_atomic(path, "old").ok());
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1000, 1000};
    setrlimit(RLIMIT_FSIZE, &limit);
    int number = 0;
    const Status status = write_file_atomic(path, std::string(100'000, 'x'), true, &number);
    const bool right = !status.ok() && number == EFBIG && status.error().message.find(path) != std::string::npos;
    _exit(right ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(read_file(path, 10).value(), "old");
  EXPECT_EQ(files_in(scratch.path()), 1);
}

}  // namespace
}  // namespace sparsmith

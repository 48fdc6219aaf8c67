#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "artifact/file_io.h"
#include "artifact/serialize.h"
#include "runtime/cpu_features.h"
#include "tests/cache/cache_test_support.h"

namespace sparsmith {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class DiskCache : public testing::Test {
 protected:
  CacheOptions options(int64_t max_bytes = int64_t{1} << 30) { return {scratch.path(), max_bytes, warnings.sink()}; }
  // What a fresh cache on the directory finds.
  Result<Cache::Found> get(uint64_t number) { return Cache(options()).get_or_build(key_of(number), build()); }
  std::string path(uint64_t number) const { return entry_path(scratch.path(), number); }
  bool exists(uint64_t number) const { return std::filesystem::exists(path(number)); }
  void set_age(uint64_t number, int64_t seconds) const {
    timespec times[2] = {};
    clock_gettime(CLOCK_REALTIME, &times[1]);
    times[0].tv_nsec = UTIME_OMIT;
    times[1].tv_sec -= seconds;
    ASSERT_EQ(utimensat(AT_FDCWD, path(number).c_str(), times, 0), 0);
  }

  ScratchDirectory scratch;
  Warnings warnings;
  CountedBuild build;
};

TEST_F(DiskCache, OutlivesTheProcess) {
  EXPECT_EQ(get(1).value().source, Cache::Source::built);
  const auto found = get(1).value();
  EXPECT_EQ(found.source, Cache::Source::disk);
  EXPECT_EQ(found.code->image.symbol, "built");
  EXPECT_EQ(build.calls, 1);
  EXPECT_THAT(warnings.all(), IsEmpty());
}

TEST_F(DiskCache, MakesItsDirectory) {
  const std::string deep = scratch.file("a/b/c");
  for (const auto source : {Cache::Source::built, Cache::Source::disk}) {
    Cache cache({deep, 1 << 20, warnings.sink()});
    EXPECT_EQ(cache.get_or_build(key_of(1), build()).value().source, source);
  }
  EXPECT_THAT(warnings.all(), IsEmpty());
}

TEST_F(DiskCache, CountsWhereCodeCameFrom) {
  (void)get(1);
  Cache cache(options());
  const auto disk = cache.get_or_build(key_of(1), build()).value();
  const auto memory = cache.get_or_build(key_of(1), build()).value();
  const auto built = cache.get_or_build(key_of(2), build()).value();
  EXPECT_EQ(memory.source, Cache::Source::memory);
  EXPECT_EQ(memory.code, disk.code);
  const CacheStats stats = cache.stats();
  EXPECT_EQ(stats.disk_hits, 1);
  EXPECT_EQ(stats.memory_hits, 1);
  EXPECT_EQ(stats.misses, 1);
}

TEST_F(DiskCache, HoldsNoWeights) {
  (void)get(1);
  const auto image = read_image(path(1));
  ASSERT_TRUE(image.ok());
  EXPECT_THAT(image->values, IsEmpty());
  EXPECT_FALSE(sample_image().values.empty());
}

TEST_F(DiskCache, DeletesAndRebuildsDamagedEntries) {
  (void)get(1);
  const std::string good = read_file(path(1), 1 << 20).value();
  int rebuilt = 1;
  for (const std::string& damaged : {good.substr(0, good.size() / 2), good + "x", std::string(), std::string("rubbish"),
                                     std::string(good).replace(good.size() - 20, 1, "?")}) {
    ASSERT_TRUE(write_file_atomic(path(1), damaged).ok());
    EXPECT_EQ(get(1).value().source, Cache::Source::built);
    EXPECT_EQ(build.calls, ++rebuilt);
    EXPECT_EQ(read_file(path(1), 1 << 20).value(), good) << "written anew";
    EXPECT_EQ(get(1).value().source, Cache::Source::disk);
  }
  EXPECT_THAT(warnings.all(), IsEmpty());
}

TEST_F(DiskCache, DeletesADamagedEntryEvenIfTheBuildFails) {
  ASSERT_TRUE(write_file_atomic(path(1), "rubbish").ok());
  Cache cache(options());
  EXPECT_FALSE(cache.get_or_build(key_of(1), []() -> Result<KernelImage> { return unsuitable("no"); }).ok());
  EXPECT_FALSE(exists(1));
}

TEST_F(DiskCache, DoesNotTrustARenamedEntry) {
  (void)get(1);
  std::filesystem::rename(path(1), path(2));
  EXPECT_EQ(get(2).value().source, Cache::Source::built);
  EXPECT_EQ(get(2).value().source, Cache::Source::disk);
  EXPECT_EQ(build.calls, 2);
}

TEST_F(DiskCache, DoesNotTrustAnEntryForAnUnknownTarget) {
  KernelImage image = sample_image();
  image.target = "riscv";
  ASSERT_TRUE(write_file_atomic(path(1), serialize(image, image.code, {}, key_of(1))).ok());
  EXPECT_EQ(get(1).value().source, Cache::Source::built);
  EXPECT_EQ(get(1).value().source, Cache::Source::disk);
}

TEST_F(DiskCache, DoesNotRunWhatAnotherUserCouldHaveWritten) {
  (void)get(1);
  ASSERT_EQ(chmod(path(1).c_str(), 0666), 0);
  EXPECT_EQ(get(1).value().source, Cache::Source::built);
  ASSERT_EQ(warnings.all().size(), 1u);
  EXPECT_THAT(warnings.all()[0], HasSubstr("could have been written by another user"));

  if (geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  ASSERT_EQ(chmod(path(1).c_str(), 0644), 0);
  ASSERT_EQ(chown(path(1).c_str(), 12345, static_cast<gid_t>(-1)), 0);
  EXPECT_EQ(get(1).value().source, Cache::Source::built);
  EXPECT_EQ(get(1).value().source, Cache::Source::disk) << "replaced by one of our own";
}

TEST_F(DiskCache, LoadsCodeForOtherCpusWithoutRunningIt) {
  std::string lacking;
  for (size_t i = 0; i < feature_count() && lacking.empty(); ++i)
    if (!host_features()[i]) lacking = std::string(feature_name(i));
  if (lacking.empty()) GTEST_SKIP() << "this CPU has every feature that a target may name";
  const auto foreign = [&]() -> Result<KernelImage> {
    KernelImage image = sample_image();
    image.target = "x86-64-v3,+" + lacking;
    return image;
  };
  for (const auto source : {Cache::Source::built, Cache::Source::disk}) {
    Cache cache(options());
    const auto found = cache.get_or_build(key_of(1), foreign).value();
    EXPECT_EQ(found.source, source);
    EXPECT_FALSE(found.code->missing_feature.empty());
  }
}

TEST_F(DiskCache, EvictsTheLeastRecentlyUsed) {
  CountedBuild large("large", 10'000);
  const auto store = [&](uint64_t number) {
    ASSERT_TRUE(Cache(options(50'000)).get_or_build(key_of(number), large()).ok());
  };
  for (uint64_t number = 1; number <= 4; ++number) {
    store(number);
    set_age(number, 1000 - static_cast<int64_t>(number));
  }
  store(1);  // a hit: now the most recent
  EXPECT_EQ(large.calls, 4);
  store(5);
  EXPECT_TRUE(exists(1));
  EXPECT_FALSE(exists(2)) << "the oldest";
  EXPECT_TRUE(exists(3));
  EXPECT_TRUE(exists(4));
  EXPECT_TRUE(exists(5));
}

TEST_F(DiskCache, StaysBelowItsLimit) {
  CountedBuild large("large", 10'000);
  Cache cache(options(50'000));
  for (uint64_t number = 0; number < 40; ++number) {
    ASSERT_TRUE(cache.get_or_build(key_of(number), large()).ok());
    EXPECT_TRUE(exists(number));
    int64_t total = 0;
    const auto entries = cache.list().value();
    for (const CacheEntry& entry : entries) total += entry.bytes;
    ASSERT_LE(total, 50'000);
  }
}

TEST_F(DiskCache, LeavesOutWhatIsLargerThanItsLimit) {
  CountedBuild large("large", 10'000);
  (void)get(1);
  Cache cache(options(5'000));
  EXPECT_EQ(cache.get_or_build(key_of(2), large()).value().source, Cache::Source::built);
  EXPECT_FALSE(exists(2));
  EXPECT_TRUE(exists(1));
  EXPECT_THAT(warnings.all(), IsEmpty());
}

TEST_F(DiskCache, SweepsTemporariesOfDeadProcesses) {
  const std::string old_one = path(7) + ".sparsmith-tmp-1-0", new_one = path(8) + ".sparsmith-tmp-1-0";
  for (const std::string& name : {old_one, new_one}) ASSERT_GE(close(creat(name.c_str(), 0600)), 0);
  const timespec times[2] = {{0, UTIME_OMIT}, {time(nullptr) - 10'000, 0}};
  ASSERT_EQ(utimensat(AT_FDCWD, old_one.c_str(), times, 0), 0);
  (void)get(1);
  EXPECT_FALSE(std::filesystem::exists(old_one));
  EXPECT_TRUE(std::filesystem::exists(new_one)) << "its writer may be alive";
}

TEST_F(DiskCache, ListsMostRecentFirst) {
  CountedBuild first("first"), second("second"), third("third");
  Cache cache(options());
  ASSERT_TRUE(cache.get_or_build(key_of(1), first()).ok());
  ASSERT_TRUE(cache.get_or_build(key_of(2), second()).ok());
  ASSERT_TRUE(cache.get_or_build(key_of(3), third()).ok());
  set_age(1, 100);
  set_age(3, 200);
  ASSERT_TRUE(write_file_atomic(path(4), "rubbish").ok());
  set_age(4, 300);
  std::filesystem::copy(path(1), path(5));
  set_age(5, 400);
  ASSERT_TRUE(write_file_atomic(scratch.file("README"), "not ours").ok());

  const auto entries = cache.list().value();
  std::vector<std::string> symbols;
  for (const CacheEntry& entry : entries) symbols.push_back(entry.symbol);
  EXPECT_THAT(symbols, ElementsAre("second", "first", "third", "damaged", "damaged"));
  EXPECT_EQ(entries[1].key, key_of(1).hex());
  EXPECT_EQ(entries[1].bytes, static_cast<int64_t>(std::filesystem::file_size(path(1))));
  EXPECT_NEAR(static_cast<double>(entries[1].last_use), static_cast<double>(time(nullptr) - 100), 5);
}

TEST_F(DiskCache, ClearsItsOwnFilesOnly) {
  (void)get(1);
  (void)get(2);
  ASSERT_TRUE(write_file_atomic(scratch.file("README"), "not ours").ok());
  ASSERT_TRUE(write_file_atomic(scratch.file("other.smc"), "not ours").ok());
  const std::string temporary = path(8) + ".sparsmith-tmp-1-0";
  ASSERT_GE(close(creat(temporary.c_str(), 0600)), 0);
  Cache cache(options());
  EXPECT_EQ(cache.clear().value(), 2);
  EXPECT_FALSE(exists(1));
  EXPECT_TRUE(std::filesystem::exists(scratch.file("README")));
  EXPECT_TRUE(std::filesystem::exists(scratch.file("other.smc")));
  EXPECT_TRUE(std::filesystem::exists(temporary)) << "another process is about to publish it";
  EXPECT_EQ(cache.clear().value(), 0);
  EXPECT_THAT(cache.list().value(), IsEmpty());
}

}  // namespace
}  // namespace sparsmith

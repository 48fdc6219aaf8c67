#include "runtime/thread_pool.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <numeric>
#include <set>
#include <vector>

namespace sparsmith {
namespace {

TEST(ThreadPoolTest, DoesEveryPartOnceForManyJobs) {
  ThreadPool pool(3);
  for (int job = 0; job < 2000; ++job) {
    const int parts = 1 + job % 9;
    std::vector<int> counts(static_cast<size_t>(parts), 0);  // not atomic: each part must be done by one thread
    pool.run(4, parts, [&](int part) { counts[static_cast<size_t>(part)] += 1; });
    ASSERT_EQ(std::accumulate(counts.begin(), counts.end(), 0), parts);
    for (const int count : counts) ASSERT_EQ(count, 1);
  }
}

TEST(ThreadPoolTest, NeverUsesMoreThreadsThanAllowed) {
  ThreadPool pool(5);
  for (int threads = 1; threads <= 4; ++threads) {
    std::atomic<int> inside{0}, most{0};
    for (int job = 0; job < 50; ++job) {
      pool.run(threads, 16, [&](int) {
        const int now = ++inside;
        int seen = most.load();
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        usleep(20);
        --inside;
      });
    }
    EXPECT_LE(most.load(), threads);
  }
}

TEST(ThreadPoolTest, WorkersHelpWhenThePartsTakeLong) {
  ThreadPool pool(1);
  std::mutex mutex;
  std::set<std::thread::id> threads;
  // Each part waits until both are being worked on: only two threads can finish this.
  std::atomic<int> arrived{0};
  pool.run(2, 2, [&](int) {
    ++arrived;
    while (arrived.load() < 2) std::this_thread::yield();
    const std::lock_guard lock(mutex);
    threads.insert(std::this_thread::get_id());
  });
  EXPECT_EQ(threads.size(), 2u);
}

TEST(ThreadPoolTest, NestedAndConcurrentCallsFinish) {
  ThreadPool pool(2);
  std::atomic<int64_t> total{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 6; ++caller) {
    callers.emplace_back([&] {
      for (int job = 0; job < 200; ++job) {
        pool.run(3, 4, [&](int) { pool.run(3, 3, [&](int part) { total += part; }); });
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(total.load(), 6 * 200 * 4 * 3);
}

TEST(ThreadPoolTest, WithoutWorkersTheCallerDoesAll) {
  ThreadPool pool(0);
  const std::thread::id self = std::this_thread::get_id();
  int done = 0;
  pool.run(8, 5, [&](int) {
    EXPECT_EQ(std::this_thread::get_id(), self);
    ++done;
  });
  EXPECT_EQ(done, 5);
  pool.run(8, 0, [&](int) { ++done; });
  EXPECT_EQ(done, 5);
}

// A forked child has the pool's memory but none of its threads.
TEST(ThreadPoolTest, AForkedChildWorksAlone) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "ThreadSanitizer doesn't support threads and fork in one process";
#else
  ThreadPool& pool = process_pool();
  std::atomic<int> total{0};
  pool.run(2, 8, [&](int part) { total += part; });
  ASSERT_EQ(total.load(), 28);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    alarm(20);
    int sum = 0;
    pool.run(2, 8, [&](int part) { sum += part; });
    _exit(sum == 28 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "status " << status;
#endif
}

}  // namespace
}  // namespace sparsmith

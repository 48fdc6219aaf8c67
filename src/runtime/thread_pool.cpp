#include "runtime/thread_pool.h"

#include <unistd.h>

#include <algorithm>
#include <system_error>

namespace sparsmith {
namespace {

// Turns of busy waiting before a thread sleeps: some 20-50 us, about what a wake-up costs, so that the layers of a
// model that run one after the other find the workers awake.
constexpr int kSpinTurns = 1000;

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

ThreadPool::ThreadPool(int max_workers) : max_workers_(std::max(0, max_workers)), owner_process_(getpid()) {}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    generation_.fetch_add(1, std::memory_order_release);
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::run_job(const Job& job, int threads) {
  const int wanted = std::min({threads - 1, job.parts - 1, max_workers_});
  const bool alone = wanted <= 0 || getpid() != owner_process_;
  if (alone || busy_.exchange(true, std::memory_order_acquire)) {
    for (int part = 0; part < job.parts; ++part) job.call(job.context, part);
    return;
  }
  int asleep = 0;
  {
    const std::lock_guard lock(mutex_);
    start_workers(wanted);
    job_ = job;
    helpers_wanted_ = wanted;
    next_part_.store(0, std::memory_order_relaxed);
    generation_.fetch_add(1, std::memory_order_release);
    asleep = sleeping_;
  }
  for (int i = std::min(asleep, wanted); i > 0; --i) wake_.notify_one();
  do_parts(job);
  {
    const std::lock_guard lock(mutex_);
    helpers_wanted_ = 0;
  }
  for (int turn = 0; turn < kSpinTurns && active_.load(std::memory_order_acquire) > 0; ++turn) relax();
  {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return active_.load(std::memory_order_acquire) == 0; });
  }
  busy_.store(false, std::memory_order_release);
}

void ThreadPool::start_workers(int wanted) {
  try {
    workers_.reserve(static_cast<size_t>(max_workers_));
    while (static_cast<int>(workers_.size()) < wanted) workers_.emplace_back([this] { work(); });
  } catch (const std::exception&) {
    // No more threads or memory to be had: the caller and the workers there are do the job.
  }
}

void ThreadPool::do_parts(const Job& job) {
  for (;;) {
    const int part = next_part_.fetch_add(1, std::memory_order_relaxed);
    if (part >= job.parts) return;
    job.call(job.context, part);
  }
}

void ThreadPool::work() {
  uint64_t seen = 0;
  for (;;) {
    for (int turn = 0; turn < kSpinTurns && generation_.load(std::memory_order_acquire) == seen; ++turn) relax();
    Job job;
    {
      std::unique_lock lock(mutex_);
      ++sleeping_;
      wake_.wait(lock, [&] { return stop_ || generation_.load(std::memory_order_relaxed) != seen; });
      --sleeping_;
      if (stop_) return;
      seen = generation_.load(std::memory_order_relaxed);
      if (helpers_wanted_ == 0) continue;
      --helpers_wanted_;
      job = job_;
      active_.fetch_add(1, std::memory_order_relaxed);
    }
    do_parts(job);
    // The last one tells the caller. Going down under the lock too keeps the notification from falling between the
    // caller's test and its sleep.
    const std::lock_guard lock(mutex_);
    if (active_.fetch_sub(1, std::memory_order_acq_rel) == 1) done_.notify_one();
  }
}

ThreadPool& process_pool() {
  static ThreadPool* const pool =
      new ThreadPool(std::max(1, static_cast<int>(std::thread::hardware_concurrency()) - 1));
  return *pool;
}

}  // namespace sparsmith

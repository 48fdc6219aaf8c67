/// \file
/// Worker threads that help a caller with the parts of one job.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace sparsmith {

/// One job at a time. The caller always works itself and never depends on a worker: when the pool is busy with another
/// caller's job (or the call is nested in one), when threads can't be started, or in a forked child, it just does all
/// parts alone. So nothing deadlocks and the pool never runs more threads than it was made for.
class ThreadPool {
 public:
  /// At most `max_workers` threads beside the caller's; they start when first needed and sleep between jobs.
  explicit ThreadPool(int max_workers);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  /// Calls body(part) once for each part in [0, parts), in no order, on this thread and at most threads - 1 workers;
  /// returns when all are done, with their writes visible. Allocates only to start threads. `body` must not throw.
  template <class Body>
  void run(int threads, int parts, const Body& body) {
    run_job({[](const void* context, int part) { (*static_cast<const Body*>(context))(part); }, &body, parts}, threads);
  }

  int max_workers() const { return max_workers_; }

 private:
  struct Job {
    void (*call)(const void* context, int part) = nullptr;
    const void* context = nullptr;
    int parts = 0;
  };
  void run_job(const Job& job, int threads);
  void start_workers(int wanted);
  void work();
  void do_parts(const Job& job);

  const int max_workers_;
  const int64_t owner_process_;  // a forked child has no workers
  std::atomic<bool> busy_{false};
  std::atomic<uint64_t> generation_{0};  // raised with every job; workers watch it
  std::atomic<int> next_part_{0};
  std::atomic<int> active_{0};  // workers inside the current job
  std::mutex mutex_;            // guards what follows, and active_ going up
  std::condition_variable wake_, done_;
  Job job_;
  int helpers_wanted_ = 0;  // workers that may still join; 0 closes the job
  int sleeping_ = 0;
  bool stop_ = false;
  std::vector<std::thread> workers_;
};

/// The pool of this process, one worker fewer than the CPUs the process may use (at least one). It lives until the
/// process ends and is never destroyed, so that kernels may run during static destruction; a library that was opened
/// with dlopen must therefore not be closed after a call with more than one thread.
ThreadPool& process_pool();

}  // namespace sparsmith

#include "runtime/parallel.h"

#include <algorithm>
#include <atomic>
#include <string>

namespace sparsmith {
namespace {

thread_local int depth = 0;

constexpr int kMaxConcurrency = 1024;

}  // namespace

int call_depth() { return depth; }
CallScope::CallScope() { ++depth; }
CallScope::~CallScope() { --depth; }

int Workers::available(int threads) const {
  // The caller is itself inside the call it asks for.
  if (depth > 1) return 1;
  if (hook != nullptr) return hook->concurrency;
  return pool != nullptr ? std::min(threads, pool->max_workers() + 1) : 1;
}

Status Workers::run_parts(int threads, Part part, int parts) const {
  const auto guarded = [part](int number) {
    const CallScope inside;
    part.call(part.context, number);
  };
  if (threads <= 1 || (hook == nullptr && pool == nullptr)) {
    for (int number = 0; number < parts; ++number) guarded(number);
    return success();
  }
  if (hook == nullptr) {
    pool->run(threads, parts, guarded);
    return success();
  }

  struct Job {
    Part part;
    int parts;
    std::atomic<int> done{0}, refused{0};
  } job{part, parts};
  hook->run(
      hook->context, parts,
      [](void* data, int number) {
        Job& own = *static_cast<Job*>(data);
        if (number < 0 || number >= own.parts) {
          own.refused.fetch_add(1, std::memory_order_relaxed);
          return;
        }
        const CallScope inside;
        own.part.call(own.part.context, number);
        own.done.fetch_add(1, std::memory_order_relaxed);
      },
      &job);
  const int done = job.done.load(std::memory_order_relaxed), refused = job.refused.load(std::memory_order_relaxed);
  if (done == parts && refused == 0) return success();
  return bad_input("RunArgs::parallel ran " + std::to_string(done) + " parts of " + std::to_string(parts) +
                       (refused > 0 ? " and asked for parts that don't exist" : "") + "; the result is wrong",
                   "ParallelFor::run must call body(data, part) once for each part in [0, parts) before it returns");
}

Status check_hook(const ParallelFor& hook) {
  if (hook.run == nullptr) return bad_input("RunArgs::parallel has no function to run parts with");
  if (hook.concurrency < 1 || hook.concurrency > kMaxConcurrency) {
    return bad_input("RunArgs::parallel has a concurrency of " + std::to_string(hook.concurrency) +
                     "; it must be from 1 to " + std::to_string(kMaxConcurrency));
  }
  return success();
}

}  // namespace sparsmith

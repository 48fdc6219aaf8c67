/// \file
/// Who runs the parts of a call, and how a thread knows that it is inside one.
#pragma once

#include "runtime/thread_pool.h"
#include "sparsmith/parallel.h"
#include "sparsmith/result.h"

namespace sparsmith {

/// Calls that go on on this thread: as their caller, or as the runner of one of their parts.
int call_depth();

/// Marks the calling thread as inside a call while it lives.
class CallScope {
 public:
  CallScope();
  ~CallScope();
  CallScope(const CallScope&) = delete;
  CallScope& operator=(const CallScope&) = delete;
};

/// Threads for a call's parts: the application's (`hook`), else those of `pool`, else the caller's alone.
struct Workers {
  ThreadPool* pool = nullptr;
  const ParallelFor* hook = nullptr;

  /// How many threads a call that asks for `threads` may have here. 1 inside another call, whose parts already occupy
  /// the threads there are.
  int available(int threads) const;

  /// body(part) once for each part in [0, parts), on at most `threads` threads where they are the pool's. bad_input:
  /// the hook did not run each part once.
  template <class Body>
  Status run(int threads, int parts, const Body& body) const {
    return run_parts(threads,
                     {[](const void* context, int part) { (*static_cast<const Body*>(context))(part); }, &body}, parts);
  }

 private:
  struct Part {
    void (*call)(const void* context, int part);
    const void* context;
  };
  Status run_parts(int threads, Part part, int parts) const;
};

/// Whether a hook can be used at all; the error names what is missing.
Status check_hook(const ParallelFor& hook);

}  // namespace sparsmith

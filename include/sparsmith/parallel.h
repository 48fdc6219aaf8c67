/// \file
/// Running a kernel's parts on threads of the application rather than on Sparsmith's own.
#pragma once

namespace sparsmith {

/// An application's way to run independent parts side by side, for RunArgs::parallel. With OpenMP:
///
///     void on_openmp(void*, int parts, void (*body)(void*, int), void* data) {
///     #pragma omp parallel for schedule(dynamic, 1)
///       for (int part = 0; part < parts; ++part) body(data, part);
///     }
///     const ParallelFor openmp{on_openmp, nullptr, omp_get_max_threads()};
///
/// and with TBB the body of `run` is
///
///     tbb::parallel_for(0, parts, [=](int part) { body(data, part); });
///
/// Results don't depend on which threads run the parts, in which order, or how many of them at a time.
struct ParallelFor {
  /// Calls body(data, part) exactly once for each part in [0, parts), on any threads and in any order, and returns when
  /// all calls have, with their writes visible to the caller. Must not throw. While it waits it may do other work of
  /// the application on this thread, calls of kernels included: those then stay on this thread.
  void (*run)(void* context, int parts, void (*body)(void* data, int part), void* data) = nullptr;
  void* context = nullptr;  ///< handed to `run`; not owned
  int concurrency = 1;      ///< parts it is likely to run at a time; a call is divided for so many, 1 to 1024
};

}  // namespace sparsmith

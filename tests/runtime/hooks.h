/// \file
/// Applications' ways to run parts: in unusual orders, and on threads of their own.
#pragma once

#include <thread>
#include <vector>

#include "sparsmith/parallel.h"

namespace sparsmith::testing {

/// All parts on the caller, last first.
inline ParallelFor backwards(int concurrency) {
  return {[](void*, int parts, void (*body)(void*, int), void* data) {
            for (int part = parts; part-- > 0;) body(data, part);
          },
          nullptr, concurrency};
}

/// A new thread for every part.
inline ParallelFor own_threads(int concurrency) {
  return {[](void*, int parts, void (*body)(void*, int), void* data) {
            std::vector<std::thread> threads;
            for (int part = 0; part < parts; ++part) threads.emplace_back(body, data, part);
            for (std::thread& thread : threads) thread.join();
          },
          nullptr, concurrency};
}

}  // namespace sparsmith::testing

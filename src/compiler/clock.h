/// \file
/// Time that passed, for reports and for what measures kernels.
#pragma once

#include <chrono>

namespace sparsmith {

using Clock = std::chrono::steady_clock;

inline double elapsed_ns(Clock::time_point since) {
  return std::chrono::duration<double, std::nano>(Clock::now() - since).count();
}

}  // namespace sparsmith

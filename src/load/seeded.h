/// \file
/// Values for files that hold a pattern only.
#pragma once

#include <cstdint>

namespace sparsmith::load {

/// Standard normal values that depend on the seed and their place alone, and are never zero. The inverse normal
/// distribution by Acklam's rational approximation (relative error 1.2e-9): the same numbers from every standard
/// library, which std::normal_distribution doesn't promise, and fast enough not to show in the time to read a file.
class SeededNormal {
 public:
  explicit SeededNormal(uint64_t seed);
  float operator()(uint64_t index) const;

 private:
  uint64_t seed_;
};

}  // namespace sparsmith::load

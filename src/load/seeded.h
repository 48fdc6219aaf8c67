/// \file
/// Values for files that hold a pattern only.
#pragma once

#include <cstdint>

namespace sparsmith::load {

/// Standard normal values that depend on the seed and their place alone, and are never zero. The inverse normal
/// distribution by Acklam's rational approximation (relative error 1.2e-9): std::normal_distribution doesn't promise
/// the same numbers from every standard library, and takes longer than reading the file does.
class SeededNormal {
 public:
  explicit SeededNormal(uint64_t seed);
  float operator()(uint64_t index) const;

 private:
  uint64_t seed_;
};

}  // namespace sparsmith::load

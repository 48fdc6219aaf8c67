/// \file
/// What every peer module is made of: aligned buffers, the table around a C++ class, the choice among a library's own
/// variants.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "bench/peers/peer.h"

namespace sparsmith::peers {

/// Zeroed, cache-line-aligned floats with slack behind them: some kernels read a vector past the end.
class Floats {
 public:
  explicit Floats(int64_t count) {
    const size_t bytes = (static_cast<size_t>(count) * sizeof(float) + 256 + 63) / 64 * 64;
    data_.reset(static_cast<float*>(std::aligned_alloc(64, bytes)));
    if (!data_) throw std::bad_alloc();
    std::fill_n(data_.get(), bytes / sizeof(float), 0.0f);
  }
  float* data() { return data_.get(); }
  const float* data() const { return data_.get(); }

 private:
  struct Free {
    void operator()(float* p) const { std::free(p); }
  };
  std::unique_ptr<float, Free> data_;
};

inline void transpose(const float* source, int64_t rows, int64_t cols, float* target) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < cols; ++c) target[c * rows + r] = source[r * cols + c];
  }
}

/// One way of a library to do the problem. Constructors may throw; the message becomes the reason.
class Variant {
 public:
  virtual ~Variant() = default;
  virtual void run() = 0;
  virtual void finish() = 0;
};

/// The variant that is fastest here and now: a library is shown at its best, so it gets the choice it would leave to
/// its user. Null when there is none. Variants take turns, so that a slow moment of the machine hits all of them.
inline std::unique_ptr<Variant> fastest(std::vector<std::unique_ptr<Variant>> variants) {
  if (variants.empty()) return nullptr;
  using Clock = std::chrono::steady_clock;
  std::vector<double> times(variants.size(), std::numeric_limits<double>::infinity());
  const auto begin = Clock::now();
  constexpr int kLeastRounds = 3, kMostRounds = 20;
  for (int round = 0; variants.size() > 1 && round < kMostRounds; ++round) {
    if (round >= kLeastRounds && Clock::now() - begin > std::chrono::milliseconds(40)) break;
    for (size_t i = 0; i < variants.size(); ++i) {
      variants[i]->run();  // brings its data back into the caches
      const auto start = Clock::now();
      variants[i]->run();
      times[i] = std::min(times[i], std::chrono::duration<double>(Clock::now() - start).count());
    }
  }
  const auto best = std::min_element(times.begin(), times.end()) - times.begin();
  return std::move(variants[static_cast<size_t>(best)]);
}

/// `Make` builds the variant to run or throws std::exception with the reason.
template <std::unique_ptr<Variant> (*Make)(const SparsmithPeerProblem&)>
constexpr SparsmithPeer table(const char* name, const char* summary, SparsmithPeerKind kind, const char* (*version)(),
                              uint32_t operations = SPARSMITH_PEER_PRODUCT) {
  return {SPARSMITH_PEER_ABI,
          name,
          summary,
          kind,
          operations,
          version,
          [](const SparsmithPeerProblem* problem, char* reason, size_t size) -> void* {
            try {
              std::unique_ptr<Variant> variant = Make(*problem);
              if (variant) return variant.release();
              std::snprintf(reason, size, "no kernel of it does this problem");
            } catch (const std::exception& error) {
              std::snprintf(reason, size, "%s", error.what());
            }
            return nullptr;
          },
          [](void* state) { static_cast<Variant*>(state)->run(); },
          [](void* state) { static_cast<Variant*>(state)->finish(); },
          [](void* state) { delete static_cast<Variant*>(state); }};
}

}  // namespace sparsmith::peers

/// \file
/// A build that counts its calls, and a cache on a directory of its own that keeps its warnings.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/loaded_code.h"
#include "sparsmith/cache.h"
#include "tests/artifact/sample_image.h"

namespace sparsmith {

inline Digest key_of(uint64_t number) { return {0x5eed, number}; }

inline std::string entry_path(const std::string& directory, uint64_t number) {
  return directory + "/" + key_of(number).hex() + ".smc";
}

class CountedBuild {
 public:
  explicit CountedBuild(std::string symbol = "built", size_t code_bytes = 48) : symbol_(symbol), bytes_(code_bytes) {}
  std::function<Result<KernelImage>()> operator()() {
    return [this]() -> Result<KernelImage> {
      ++calls;
      KernelImage image = sample_image(symbol_);
      image.code.resize(bytes_, 0xcc);
      return image;
    };
  }
  std::atomic<int> calls{0};

 private:
  std::string symbol_;
  size_t bytes_;
};

class Warnings {
 public:
  std::function<void(std::string_view)> sink() {
    return [this](std::string_view message) {
      const std::scoped_lock lock(mutex_);
      messages_.emplace_back(message);
    };
  }
  std::vector<std::string> all() {
    const std::scoped_lock lock(mutex_);
    return messages_;
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> messages_;
};

}  // namespace sparsmith

/// \file
/// Measuring as in a network: code and weights that the caches have lost since the last call.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

#include "sparsmith/kernel.h"

namespace sparsmith {

/// Puts a kernel's code, packed values and index streams where a network of the given size leaves them between two
/// calls.
class NetworkEviction {
 public:
  /// `network_bytes` as PlanOptions::network_code_bytes; cache sizes of this machine in bytes.
  NetworkEviction(int64_t network_bytes, int64_t l2_bytes, int64_t l3_bytes);

  /// Whether anything is evicted at all.
  explicit operator bool() const { return level_ != Level::none; }
  /// `activations`: a call's operands, which go with it as they do in `sparsmith bench --cold`.
  void operator()(const Kernel& kernel, std::initializer_list<std::span<const float>> activations = {});

 private:
  enum class Level : uint8_t { none, to_l3, to_memory };
  Level level_ = Level::none;
  std::vector<char> others_;  ///< stands for the other layers: larger than L2
};

}  // namespace sparsmith

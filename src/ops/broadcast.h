/// \file
/// Numpy's broadcasting: walks tensors of different shapes as if each were stretched to the shape of all.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace sparsmith::ops {

/// The shape that all of them stretch to; none when two sizes of a dimension differ and neither is 1.
std::optional<std::vector<int64_t>> broadcast_shape(std::span<const std::vector<int64_t>> shapes);

/// A walk over N inputs and an output in C order. Neighbouring dimensions that every input goes through alike are one.
template <size_t N>
class Broadcast {
 public:
  Broadcast() = default;
  Broadcast(const std::vector<int64_t>& output, const std::array<std::vector<int64_t>, N>& inputs);

  /// visit(output offset, input offsets, count, input steps): `count` outputs side by side, and of each input the
  /// elements `step` (0 or more) apart. Offsets are in elements.
  template <class Visit>
  void for_each_row(const Visit& visit) const {
    std::array<int64_t, N> at{};
    std::array<int64_t, kMostDimensions> index{};
    for (int64_t row = 0; row < rows_; ++row) {
      visit(row * count_, at, count_, step_);
      for (size_t d = sizes_.size(); d-- > 0;) {
        for (size_t i = 0; i < N; ++i) at[i] += strides_[d][i];
        if (++index[d] < sizes_[d]) break;
        for (size_t i = 0; i < N; ++i) at[i] -= strides_[d][i] * sizes_[d];
        index[d] = 0;
      }
    }
  }

 private:
  /// Each is 2 or more, and no tensor has 2^64 elements.
  static constexpr size_t kMostDimensions = 64;
  std::vector<int64_t> sizes_;  ///< of the outer dimensions
  std::vector<std::array<int64_t, N>> strides_;
  std::array<int64_t, N> step_{};
  int64_t rows_ = 0, count_ = 0;
};

}  // namespace sparsmith::ops

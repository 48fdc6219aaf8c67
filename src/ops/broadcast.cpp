#include "ops/broadcast.h"

#include <algorithm>

namespace sparsmith::ops {

std::optional<std::vector<int64_t>> broadcast_shape(std::span<const std::vector<int64_t>> shapes) {
  size_t rank = 0;
  for (const auto& shape : shapes) rank = std::max(rank, shape.size());
  std::vector<int64_t> result(rank, 1);
  for (const auto& shape : shapes) {
    for (size_t d = 0; d < shape.size(); ++d) {
      int64_t& size = result[rank - shape.size() + d];
      if (shape[d] == 1 || shape[d] == size) continue;
      if (size != 1) return std::nullopt;
      size = shape[d];
    }
  }
  return result;
}

template <size_t N>
Broadcast<N>::Broadcast(const std::vector<int64_t>& output, const std::array<std::vector<int64_t>, N>& inputs) {
  const size_t rank = output.size();
  std::array<int64_t, N> inner{};
  inner.fill(1);  // elements of each input within the dimensions seen so far
  for (size_t d = rank; d-- > 0;) {
    const int64_t size = output[d];
    std::array<int64_t, N> stride{};
    for (size_t i = 0; i < N; ++i) {
      const size_t missing = rank - inputs[i].size();
      const int64_t own = d >= missing ? inputs[i][d - missing] : 1;
      stride[i] = own == 1 ? 0 : inner[i];
      inner[i] *= own;
    }
    if (size == 1) continue;
    bool joins = !sizes_.empty();
    for (size_t i = 0; joins && i < N; ++i) joins = stride[i] == strides_.back()[i] * sizes_.back();
    if (joins) {
      sizes_.back() *= size;
    } else {
      sizes_.push_back(size);
      strides_.push_back(stride);
    }
  }
  if (sizes_.empty()) {
    sizes_.push_back(1);
    strides_.emplace_back();
  }
  count_ = sizes_.front();
  step_ = strides_.front();
  sizes_.erase(sizes_.begin());
  strides_.erase(strides_.begin());
  std::reverse(sizes_.begin(), sizes_.end());
  std::reverse(strides_.begin(), strides_.end());
  rows_ = 1;
  for (const int64_t size : sizes_) rows_ *= size;
  if (count_ == 0) rows_ = 0;
}

template class Broadcast<2>;
template class Broadcast<3>;

}  // namespace sparsmith::ops

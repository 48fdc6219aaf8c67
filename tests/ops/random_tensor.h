/// \file
/// Tensors of repeatable numbers.
#pragma once

#include <random>

#include "run_node.h"

namespace sparsmith::test {

/// Numbers from -2 to 2, multiples of 1/500.
inline graph::Tensor random_floats(std::vector<int64_t> shape, unsigned seed) {
  graph::Tensor tensor = graph::Tensor::zeros(graph::ElementType::f32, std::move(shape));
  std::mt19937 random(seed);
  for (float& value : tensor.as<float>()) value = static_cast<float>(static_cast<int>(random() % 2001) - 1000) / 500;
  return tensor;
}

}  // namespace sparsmith::test

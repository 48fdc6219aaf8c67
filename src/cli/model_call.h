/// \file
/// A call of a model with the memory of its outputs, timed.
#pragma once

#include <span>
#include <vector>

#include "sparsmith/load.h"
#include "sparsmith/model.h"

namespace sparsmith::cli {

class ModelCall {
 public:
  /// Inputs in the model's order; model and inputs must outlive it. Failures are the model's errors.
  ModelCall(const Model& model, std::span<const NamedTensor> inputs, int threads);

  void run(std::span<int64_t> step_ns = {});
  /// Times so many runs, in nanoseconds, in their order.
  std::vector<int64_t> time(int64_t runs);
  /// The least time of each step in so many runs, which are slower for being watched.
  std::vector<int64_t> time_steps(int64_t runs);

  const std::vector<std::vector<int64_t>>& input_shapes() const { return shapes_; }
  const std::vector<NamedTensor>& outputs() const { return outputs_; }

 private:
  const Model& model_;
  int threads_;
  std::vector<std::vector<int64_t>> shapes_;
  std::vector<InputTensor> inputs_;
  std::vector<NamedTensor> outputs_;
  std::vector<void*> targets_;
};

/// Inputs of declared shapes at batch 1: floats between -1 and 1 from a fixed seed, everything else 0, which is a valid
/// index and number of a token.
std::vector<NamedTensor> random_inputs(const Model& model);

int64_t now_ns();

}  // namespace sparsmith::cli

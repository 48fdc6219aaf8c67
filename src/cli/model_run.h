/// \file
/// `run` of a whole model.
#pragma once

#include <string>
#include <vector>

#include "sparsmith/load.h"
#include "sparsmith/model.h"

namespace sparsmith::cli {

struct ModelRunOptions {
  std::string model, input, output;
  int threads = 1;
  int64_t repeat = 0;  ///< timed runs after the first; 0: none
  std::string json;    ///< where the times go; empty: nowhere
};

/// Runs the model on the arrays of a file, writes its outputs, and times it where asked to.
void run_model(const ModelRunOptions& options);

/// The arrays in the order of the model's inputs, by name; the only one serves the only input whatever its name. A
/// Failure says which name, type or shape is wrong and what is expected. `path` is how it names the file.
std::vector<NamedTensor> match_inputs(const Model& model, std::vector<NamedTensor> tensors, const std::string& path);

}  // namespace sparsmith::cli

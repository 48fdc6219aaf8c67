/// \file
/// From an ONNX model to one artifact that the runtime loads (model.h).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sparsmith/cache.h"
#include "sparsmith/calibrate.h"
#include "sparsmith/plan.h"
#include "sparsmith/result.h"

namespace sparsmith {

/// A layer that was compiled.
struct ModelLayer {
  std::string name;    ///< the node's in the model
  std::string target;  ///< Target::to_string()
  std::string op;      ///< "Conv" or "MatMul"
  int64_t m = 0, k = 0, nnz = 0;
  int64_t positions = 0;  ///< columns of a call at batch 1
  Plan plan;
  int64_t code_bytes = 0;
  bool cached = false;  ///< its code came from the cache
  int64_t ns = 0;       ///< what compiling it took
};

/// PlanOptions::network_code_bytes of the layers of a model with so many nonzeros in all.
int64_t network_code_bytes(int64_t nonzeros);

struct ModelOptions {
  /// Target::parse texts, the best first: a fat artifact holds code for each, and the first that runs is taken at load.
  std::vector<std::string> targets{"host"};
  bool tune = false;                            ///< measure the best candidates of each layer on this machine
  double tune_ms = 50;                          ///< for each layer
  std::shared_ptr<Cache> cache;                 ///< of layers; null: none
  std::shared_ptr<const MachineCosts> machine;  ///< null: what the cache keeps of this machine, else built-in costs
  int threads = 0;                              ///< that compile; 0: as many as there are cores
  /// Called after each layer, by one thread at a time, with how many of how many are done; may be empty. Must not
  /// throw.
  std::function<void(const ModelLayer& layer, size_t done, size_t all)> progress;
};

struct CompiledModel {
  std::string artifact;            ///< the bytes of the `.smk`; Model::from_bytes takes them
  std::vector<ModelLayer> layers;  ///< of all targets
  int64_t ns = 0;                  ///< from the call to the artifact

  /// Writes the artifact atomically.
  Status save(const std::string& path) const;
};

/// Reads, simplifies and compiles a model. bad_input: not an ONNX model, one that is wrong, or with operators that
/// aren't supported (all of them are named, before anything is compiled); unsuitable: no code can be made for a target.
Result<CompiledModel> compile_model(const std::string& onnx_path, const ModelOptions& options = {});

}  // namespace sparsmith

/// \file
/// A work made ready for values of known types: run() is left to compute.
#pragma once

#include <functional>
#include <memory>

#include "model/program.h"
#include "sparsmith/fused.h"
#include "sparsmith/parallel.h"

namespace sparsmith::model {

/// What steps of one call share.
struct Call {
  std::byte* const* buffers = nullptr;  ///< where each of Program::buffers lies
  int threads = 1;
  const ParallelFor* parallel = nullptr;

  template <class T>
  T* at(int32_t buffer) const {
    return buffer == Work::kNone ? nullptr : reinterpret_cast<T*>(buffers[buffer]);
  }
};

class Step {
 public:
  virtual ~Step() = default;
  virtual Status run(const Call& call) const = 0;
};

/// What a step is made from. Everything is borrowed and outlives it.
struct StepSource {
  const graph::Graph& graph;
  const Program& program;
  const Work& work;
  std::function<const ops::Type&(graph::ValueId)> type_of;

  const graph::Node& node() const { return graph.nodes[static_cast<size_t>(work.node)]; }
  const Buffer& buffer(int32_t index) const { return program.buffers[static_cast<size_t>(index)]; }
  const Buffer& input(size_t i) const { return buffer(work.inputs[i]); }
  const Buffer& output(size_t i) const { return buffer(work.outputs[i]); }
  const ops::Type& type(const Buffer& of) const { return type_of(of.value); }
  /// Channels from position to position of an image in a grid or strips: its own, or those of what it is part of.
  int64_t pitch(const Buffer& of) const { return type(of.is_part() ? buffer(of.whole) : of).shape[1]; }
  /// "Conv node \"features.0\"" and what is wrong with its work.
  Error wrong(const std::string& what) const;
};

/// Makes the step of any kind but `reference`, whose operator the evaluator has. bad_input: the work doesn't fit the
/// values, so that running it could leave its buffers.
Result<std::unique_ptr<Step>> make_step(const StepSource& source);

/// Kinds with files of their own.
Result<std::unique_ptr<Step>> make_kernel_step(const StepSource& source);
/// Two of them in one call, which works_before (pairs.h) has found to be possible.
Result<std::unique_ptr<Step>> make_pair_step(const StepSource& first, const StepSource& second, FuseOptions::Way way);
Result<std::unique_ptr<Step>> make_blocked_step(const StepSource& source);
Result<std::unique_ptr<Step>> make_pool_step(const StepSource& source);
Result<std::unique_ptr<Step>> make_pixel_step(const StepSource& source);
Result<std::unique_ptr<Step>> make_mean_step(const StepSource& source);
Result<std::unique_ptr<Step>> make_convert_step(const StepSource& source);
Result<std::unique_ptr<Step>> make_halo_step(const StepSource& source);

}  // namespace sparsmith::model

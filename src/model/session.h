/// \file
/// A program made ready for inputs of given shapes: steps, and where each buffer lies.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "model/memory_plan.h"
#include "model/step.h"
#include "ops/evaluator.h"
#include "sparsmith/fused.h"
#include "sparsmith/model.h"

namespace sparsmith::model {

/// 64-byte lines of memory.
class Arena {
 public:
  Arena() = default;
  static Result<Arena> create(int64_t bytes);
  std::byte* data() const { return data_.get(); }

 private:
  struct Release {
    void operator()(std::byte* data) const;
  };
  std::unique_ptr<std::byte, Release> data_;
};

class Session {
 public:
  /// Graph and program must be checked and outlive it. bad_input: shapes that don't fit the model. `pairs`: whether
  /// works that can be computed in one call are (pairs.h).
  static Result<std::unique_ptr<Session>> create(const graph::Graph& graph, const Program& program,
                                                 std::span<const std::vector<int64_t>> shapes,
                                                 FuseOptions::Way pairs = FuseOptions::Way::automatic);

  /// Computes all outputs; args.inputs have been checked against the shapes it was made for. Adds to args.step_ns. From
  /// many threads at once.
  Status run(const ModelArgs& args) const;

  const std::vector<std::vector<int64_t>>& shapes() const { return shapes_; }
  const ops::Type& type(graph::ValueId value) const { return evaluator_.type(value); }
  ModelMemory memory() const { return {memory_.bytes, memory_.unshared_bytes}; }

 private:
  /// What a buffer's memory is.
  struct Place {
    enum class Kind : uint8_t { none, arena, input, output, constant, alias, part } kind = Kind::none;
    int64_t index = 0;  ///< bytes into the arena; number of the input, the output, the aliased buffer, the whole
    const void* constant = nullptr;
  };
  /// Memory of one call.
  struct State {
    Arena arena;
    std::vector<std::byte*> buffers;
    std::vector<const void*> sources;
    std::vector<void*> targets;
  };

  Session(const graph::Graph& graph, const Program& program, ops::Evaluator evaluator,
          std::span<const std::vector<int64_t>> shapes);
  Status prepare(FuseOptions::Way pairs);
  StepSource source_of(const Work& work) const;
  Status join_pairs(FuseOptions::Way pairs);
  Status check_operands(const Work& work) const;
  Status check_parts() const;
  void place_buffers();
  void plan_arena();
  bool is_alias(const Work& work) const;
  Status run(const ModelArgs& args, State& state) const;
  void run_reference(size_t step, State& state) const;
  Result<std::unique_ptr<State>> take_state() const;

  const graph::Graph& graph_;
  const Program& program_;
  ops::Evaluator evaluator_;
  std::vector<std::vector<int64_t>> shapes_;
  std::vector<std::unique_ptr<Step>> steps_;  ///< of each work; null for reference operators
  std::vector<bool> skipped_;                 ///< works with nothing to do: folded nodes and views of other buffers,
                                              ///< and those that another one's step computes
  std::vector<int32_t> before_;               ///< works_before
  std::vector<Place> places_;                 ///< of each buffer
  std::vector<int64_t> bytes_;                ///< likewise
  MemoryPlan memory_;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<State>> idle_;
  mutable size_t states_ = 0;  ///< made so far; idle_ has room for all, so that giving one back takes no memory
};

}  // namespace sparsmith::model

/// \file
/// Kernel's insides, and how the compiler makes one.
#pragma once

#include <memory>
#include <vector>

#include "runtime/loaded_code.h"
#include "runtime/operands.h"
#include "runtime/packed_values.h"
#include "sparsmith/kernel.h"

namespace sparsmith {

struct Launch;

struct Kernel::Impl {
  std::shared_ptr<const LoadedCode> code;
  Problem problem;  ///< this kernel's own constants (alpha, lo, hi); the image's are those of whoever built it first
  BuildReport report;
  PackedValues values;  ///< in the code's order; kernels that share code have values of their own

  /// Code for calls of at most most_columns columns, as run() looks for it: the image's variants, then what serves all.
  struct Choice {
    int64_t most_columns = 0;
    const Schedule* schedule = nullptr;
    std::span<const Segment> segments;
    int64_t tiles = 0;
    size_t first_value = 0, values_end = 0;  ///< in values
    size_t code_end = 0;                     ///< where the next choice's code begins, which a prefetch should not bring
    /// For few columns rather than whole panels.
    bool narrow() const { return schedule->form == Form::vector || schedule->lanes < kPanelWidth; }
  };
  std::vector<Choice> choices;
  std::vector<int32_t> slice_order;  ///< rows_by_count, when some choice has the vector form

  /// Panels [first_panel, panels) of the operands by the choice's code.
  Status run(const Choice& choice, const Operands& operands, const RunArgs& args) const;
  /// Takes code and finds choices in it.
  void set_code(std::shared_ptr<const LoadedCode> loaded);
  const Choice& choice_for(int64_t columns) const;
  /// The choice's code and values for the launcher, without workers; valid as long as this is.
  Launch launch_of(const Choice& choice) const;
  /// unsuitable where this CPU lacks a feature that the code needs.
  Status runs_here() const;
};

/// Links weights and parameters to code made for their pattern: packs values, checks that everything the epilogue names
/// is given.
Result<Kernel> make_kernel(std::shared_ptr<const LoadedCode> code, const Problem& problem, const Weights& weights,
                           const LayerParams& params, BuildReport report);

/// A kernel of an artifact's image, values included. bad_input: a cache entry, which has none; unsuitable: code for a
/// CPU that this one isn't.
Result<Kernel> kernel_of(KernelImage image, const std::string& origin);

/// The kernel as the bytes of an artifact.
std::string artifact_of(const Kernel& kernel);

/// Checks shapes of `params` against the epilogue: exactly the vectors it asks for, m floats each.
Status check_params(const Epilogue& epilogue, const LayerParams& params, int64_t m);

}  // namespace sparsmith

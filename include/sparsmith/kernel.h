/// \file
/// A compiled layer that can be called, saved and given new values. Everything here is in libsparsmith_runtime, which
/// needs neither LLVM nor any other library.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "sparsmith/panel.h"
#include "sparsmith/parallel.h"
#include "sparsmith/plan.h"
#include "sparsmith/problem.h"
#include "sparsmith/result.h"
#include "sparsmith/weights.h"

namespace sparsmith {

/// The operands of one call. X has K rows and Y M rows; layouts are those of Kernel::problem(). No pointer needs more
/// than float alignment (64 bytes is fastest). X and Y must not overlap; the residual may be Y itself only where
/// Epilogue::accumulate would mean the same, so pass accumulate instead.
struct RunArgs {
  const float* x = nullptr;
  float* y = nullptr;
  const float* residual = nullptr;  ///< required when the epilogue has one; same layout and shape as Y
  int64_t n = 0;    ///< columns; for panels all columns; for a plain convolution ignored (its shape and batch say it)
  int64_t ldx = 0;  ///< plain GEMM: floats between rows of X; 0 means n
  int64_t ldy = 0;  ///< plain GEMM: floats between rows of Y; 0 means n
  int64_t ld_residual = 0;  ///< plain GEMM: floats between rows of the residual; 0 means n
  /// Panels: where those of each operand lie when it isn't one block of memory, such as the interior of another
  /// convolution's X (strip_interior). Of a spatial convolution only for Y and the residual, in strips.
  PanelRuns x_runs{}, y_runs{}, residual_runs{};
  int64_t batch = 1;  ///< plain convolution: images
  int threads = 1;    ///< at most this many threads work on the call; results do not depend on it
  /// The application's own threads instead of Sparsmith's (not owned); `threads` is then ignored.
  const ParallelFor* parallel = nullptr;
};

/// Where a kernel's code came from and what it cost.
struct BuildReport {
  enum class Source : uint8_t { built, memory_cache, disk_cache, artifact } source = Source::built;
  int64_t plan_ns = 0, emit_ns = 0, total_ns = 0;  ///< total: from the call to callable, tuning excluded
  int64_t tune_ns = 0;
  int64_t code_bytes = 0;
};

/// Move-only. Kernels of one pattern share code; the last one releases it. run() may be called from many threads at
/// once; update_values() may not run beside run().
class Kernel {
 public:
  /// Reads an artifact, checks all of it, maps its code. bad_input: not an artifact, damaged, or of a newer format;
  /// unsuitable: made for a CPU feature this machine lacks (named).
  static Result<Kernel> load(const std::string& path);
  /// Writes the artifact atomically (temporary file, then rename).
  Status save(const std::string& path) const;

  /// Y = epilogue(W x X (+ Y)). Allocation-free after a thread's first call of the same size. Inside another call (from
  /// within ParallelFor::run) it stays on its thread.
  Status run(const RunArgs& args) const;

  /// New values for the same pattern; refuses another pattern (bad_input) and leaves the kernel unchanged then.
  Status update_values(const Weights& weights, const LayerParams& params = {});

  int64_t m() const;
  int64_t k() const;
  int64_t nnz() const;
  const Problem& problem() const;
  const Plan& plan() const;
  const BuildReport& report() const;
  const std::string& symbol() const;  ///< as perf and gdb show it: layer, shape, density
  const std::string& target() const;  ///< Target::to_string() it was made for

  Kernel(Kernel&&) noexcept;
  Kernel& operator=(Kernel&&) noexcept;
  ~Kernel();

  struct Impl;
  explicit Kernel(std::unique_ptr<Impl> impl);
  const Impl& impl() const { return *impl_; }
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace sparsmith

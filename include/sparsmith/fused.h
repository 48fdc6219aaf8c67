/// \file
/// Two layers in one call: a spatial convolution, depthwise ones above all, and the 1x1 convolution behind it. Both
/// kernels are as compile() and Kernel::load make them; nothing is generated for the pair. In libsparsmith_runtime.
///
/// A kernel of strips (strip.h) writes [position][channels][16], which is what a product reads as panels. So a block of
/// positions goes through the convolution into working memory of a few KB to some hundred KB, and from there, still
/// cached, through the product: the activations in between never reach memory. Where that doesn't pay (they fit the
/// second-level cache anyway, or the product's code would be fetched again for every block) the kernels run one after
/// the other, with all of the activations in between in working memory. Both ways give the same bits, and the same as
/// two calls of Kernel::run.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "sparsmith/kernel.h"
#include "sparsmith/result.h"

namespace sparsmith {

struct FuseOptions {
  enum class Way : uint8_t {
    automatic,  ///< by sizes, for each call
    fused,      ///< block by block
    separate,   ///< one kernel after the other
  } way = Way::automatic;
  int64_t block_positions = 0;  ///< of a block, each 16 outputs of the convolution; 0: chosen
};

/// How a call is computed.
struct FusePlan {
  int64_t block_positions = 0;  ///< 0: one kernel after the other
  std::string reason;           ///< one sentence
};

/// Move-only, like the kernels it owns. run() may be called from many threads at once.
class FusedKernel {
 public:
  /// Y = pointwise(first(X)). X is the convolution's, in its layout. Y (and the residual) has M channels, the product's
  /// rows, at the convolution's output positions: NCHW [batch, M, out_height, out_width] where the product's y_layout
  /// is plain, else strips as StripShape of the convolution has them, Y::y_floats(M) an image, or in runs (y_runs).
  /// RunArgs::n and leading dimensions are ignored; `residual` is that of the product's epilogue. Allocation-free after
  /// a thread's first call of the same size; results do not depend on threads.
  Status run(const RunArgs& args) const;

  /// What run() does for so many images and threads.
  FusePlan plan(int64_t batch = 1, int threads = 1) const;
  /// Both kernels and that plan, for people.
  std::string explain() const;

  /// For new values (Kernel::update_values, which may not run beside run()) and for what they know of themselves.
  Kernel& first();
  const Kernel& first() const;
  Kernel& pointwise();
  const Kernel& pointwise() const;

  FusedKernel(FusedKernel&&) noexcept;
  FusedKernel& operator=(FusedKernel&&) noexcept;
  ~FusedKernel();

  struct Impl;
  explicit FusedKernel(std::unique_ptr<Impl> impl);

 private:
  std::unique_ptr<Impl> impl_;
};

/// Joins two kernels; they are moved from only when that succeeds. bad_input names what doesn't fit:
/// * `first` computes a spatial convolution, has y_layout panel, and its epilogue neither accumulates nor adds a
///   residual, for which a fused call has no operand;
/// * `pointwise` computes a product, or a 1x1 convolution of stride 1 on the first one's output, with x_layout panel;
///   its K is the first one's M, and it isn't planned for a few columns (it gets 16 for every position);
/// * neither is made for one N only (Problem::n_fixed).
/// unsuitable: one of them was made for a CPU feature that this machine lacks.
Result<FusedKernel> fuse(Kernel&& first, Kernel&& pointwise, const FuseOptions& options = {});

}  // namespace sparsmith

#include "sparsmith/fused.h"

#include "runtime/kernel_pair.h"
#include "sparsmith/strip.h"

namespace sparsmith {

struct FusedKernel::Impl {
  Kernel first, pointwise;
  KernelPair pair;
};

FusedKernel::FusedKernel(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
FusedKernel::FusedKernel(FusedKernel&&) noexcept = default;
FusedKernel& FusedKernel::operator=(FusedKernel&&) noexcept = default;
FusedKernel::~FusedKernel() = default;
Kernel& FusedKernel::first() { return impl_->first; }
const Kernel& FusedKernel::first() const { return impl_->first; }
Kernel& FusedKernel::pointwise() { return impl_->pointwise; }
const Kernel& FusedKernel::pointwise() const { return impl_->pointwise; }

Status FusedKernel::run(const RunArgs& args) const { return impl_->pair.run(impl_->first, impl_->pointwise, args); }

FusePlan FusedKernel::plan(int64_t batch, int threads) const {
  return impl_->pair.plan(impl_->first, impl_->pointwise, batch, threads);
}

std::string FusedKernel::explain() const {
  const FusePlan chosen = plan();
  const auto line = [](const char* what, const Kernel& kernel) {
    return what + kernel.symbol() + ", " + std::to_string(kernel.m()) + " x " + std::to_string(kernel.k()) + "\n";
  };
  std::string text = line("first   ", impl_->first) + line("second  ", impl_->pointwise);
  text += chosen.block_positions > 0
              ? "fused in blocks of " + std::to_string(chosen.block_positions) + " of " +
                    std::to_string(strip_shape(*impl_->pair.problem.conv).y_positions()) + " positions: "
              : "one after the other: ";
  return text + chosen.reason + "\n";
}

Result<FusedKernel> fuse(Kernel&& first, Kernel&& pointwise, const FuseOptions& options) {
  auto pair = KernelPair::of(first, pointwise, options);
  if (!pair) return pair.error();
  return FusedKernel(std::unique_ptr<FusedKernel::Impl>(
      new FusedKernel::Impl{std::move(first), std::move(pointwise), std::move(*pair)}));
}

}  // namespace sparsmith

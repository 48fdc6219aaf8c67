#include "runtime/launch_fused.h"

#include <algorithm>

#include "runtime/launch_spatial.h"
#include "runtime/tile_calls.h"

namespace sparsmith {
namespace {

/// `channels` of positions side by side, as a product sees them: one row.
StripView flat_view(int64_t channels, int64_t positions) {
  return {.channels = channels, .positions_h = 1, .positions_w = positions, .step_h = 1, .step_w = 1};
}

class FusedWork final : public StripWork {
 public:
  FusedWork(const FusedLaunch& pair, const Operands& ops, int threads)
      : StripWork(pair.second.workers, pair.second.accumulate), pair_(pair) {
    const int64_t position_floats = pair.first.m * kPanelWidth;
    if (pair.block_positions > 0) {
      floats = threads * pair.block_positions * position_floats;
    } else {
      floats_per_image = ops.y_strips.positions_h * ops.y_strips.positions_w * position_floats;
    }
  }

  Status compute(const StripOperands& strips, int64_t positions, int threads, float* memory) const override {
    if (pair_.block_positions == 0) return compute_separately(strips, positions, threads, memory);
    const auto parts = static_cast<int>(std::min<int64_t>(threads, positions));
    const int64_t part_floats = pair_.block_positions * pair_.first.m * kPanelWidth;
    const int64_t unit = positions_together(pair_.first, strips);
    // Threads get whole units unless those don't go round.
    const auto begin = [&](int part) {
      const int64_t at = positions * part / parts;
      return positions / parts >= 2 * unit && part < parts ? at / unit * unit : at;
    };
    return workers.run(parts, parts, [&](int part) {
      compute_blocks(strips, begin(part), begin(part + 1), memory + part * part_floats);
    });
  }

 private:
  /// The first kernel's strips: those of Y, with its own channels, in working memory from position `first` on.
  StripOperands between(const StripOperands& strips, int64_t first, float* memory) const {
    StripOperands result = strips;
    result.y_view.channels = pair_.first.m;
    result.y = memory;
    result.residual = nullptr;
    result.y_first = first;
    return result;
  }

  StripOperands product(const StripOperands& strips, int64_t first, int64_t positions, const float* memory) const {
    const int64_t at = first * pair_.second.m * kPanelWidth;
    StripOperands result{flat_view(pair_.second.k, positions), flat_view(pair_.second.m, positions), memory,
                         strips.y + at};
    if (strips.residual != nullptr) result.residual = strips.residual + at;
    return result;
  }

  Status compute_separately(const StripOperands& strips, int64_t positions, int threads, float* memory) const {
    if (Status done = compute_strips(pair_.first, between(strips, 0, memory), positions, threads); !done) return done;
    return compute_strips(pair_.second, product(strips, 0, positions, memory), positions, threads);
  }

  void compute_blocks(const StripOperands& strips, int64_t first, int64_t last, float* memory) const {
    for (int64_t p = first; p < last; p += pair_.block_positions) {
      const int64_t end = std::min(p + pair_.block_positions, last);
      compute_positions(pair_.first, between(strips, p, memory), p, end, p == first);
      compute_positions(pair_.second, product(strips, p, end - p, memory), 0, end - p, p == first);
    }
  }

  const FusedLaunch& pair_;
};

}  // namespace

Status launch_fused(const FusedLaunch& pair, const Operands& ops, int threads) {
  const CallScope inside;
  Launch both = pair.second;
  both.work += pair.first.work;
  threads = useful_threads(both, ops.panels, threads);
  return launch_strips(FusedWork(pair, ops, threads), ops, threads);
}

}  // namespace sparsmith

#include "runtime/launch_fused.h"

#include <algorithm>

#include "runtime/launch_spatial.h"
#include "runtime/tile_calls.h"

namespace sparsmith {
namespace {

class FusedWork final : public SpatialWork {
 public:
  FusedWork(const FusedLaunch& pair, const Operands& ops, int threads)
      : SpatialWork(pair.second.workers, pair.second.accumulate), pair_(pair) {
    const int64_t position_floats = pair.first.m * kPanelWidth;
    if (pair.block_positions > 0) {
      floats = threads * pair.block_positions * position_floats;
    } else {
      floats_per_image = ops.runs.panels_per_image() * position_floats;
    }
  }

  Status compute(const ImageOperands& strips, int64_t positions, int threads, float* memory) const override {
    if (pair_.block_positions == 0) return compute_separately(strips, positions, threads, memory);
    const auto parts = static_cast<int>(std::min<int64_t>(threads, positions));
    const int64_t part_floats = pair_.block_positions * pair_.first.m * kPanelWidth;
    const int64_t unit = panels_together(pair_.first, strips);
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
  ImageOperands between(const ImageOperands& strips, int64_t first, float* memory) const {
    ImageOperands result = strips;
    result.runs.y_panel = pair_.first.m * kPanelWidth;
    result.runs.y_run = result.runs.panels * result.runs.y_panel;
    result.runs.y_image = result.runs.runs * result.runs.y_run;
    result.y = memory;
    result.residual = nullptr;
    result.y_first = first;
    result.y_runs = result.residual_runs = {};
    return result;
  }

  ImageOperands product(const ImageOperands& strips, int64_t first, int64_t positions, const float* memory) const {
    ImageOperands result = strips;
    result.runs = ImageRuns::flat(positions, pair_.second.k, strips.runs.y_panel / kPanelWidth);
    result.x = memory;
    result.y_first = strips.y_first - first;
    return result;
  }

  Status compute_separately(const ImageOperands& strips, int64_t positions, int threads, float* memory) const {
    if (Status done = compute_images(pair_.first, between(strips, 0, memory), positions, threads); !done) return done;
    return compute_images(pair_.second, product(strips, 0, positions, memory), positions, threads);
  }

  void compute_blocks(const ImageOperands& strips, int64_t first, int64_t last, float* memory) const {
    for (int64_t p = first; p < last; p += pair_.block_positions) {
      const int64_t end = std::min(p + pair_.block_positions, last);
      compute_panels(pair_.first, between(strips, p, memory), p, end, p == first);
      compute_panels(pair_.second, product(strips, p, end - p, memory), 0, end - p, p == first);
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
  return launch_images(FusedWork(pair, ops, threads), ops, threads);
}

}  // namespace sparsmith

#include "runtime/launch_spatial.h"

#include <algorithm>
#include <string>

#include "runtime/scratch.h"
#include "runtime/split.h"
#include "runtime/strip_runs.h"
#include "runtime/tile_calls.h"

namespace sparsmith {
namespace {

/// Strips of one group for each thread: packed, they should still be in L2 when they are read.
constexpr int64_t kGroupBytes = int64_t{1} << 20;

/// One group of images: their strips, where they lie in the caller's memory or in working memory.
class Group {
 public:
  Group(const StripWork& work, const Operands& ops, int64_t first_image, int64_t images, int threads, float* memory)
      : work_(work), ops_(ops), images_(images), threads_(threads) {
    const StripView &xs = ops.x_strips, &ys = ops.y_strips;
    const int64_t x_image = ops.x_plain ? xs.image_floats() : xs.strip_floats();
    const int64_t y_image = ops.y_plain ? ys.image_floats() : ys.strip_floats();
    plain_x_ = ops.x + first_image * x_image;
    plain_y_ = ops.y + first_image * y_image;
    if (ops.residual != nullptr) plain_residual_ = ops.residual + first_image * y_image;
    x_ = plain_x_;
    y_ = plain_y_;
    residual_ = plain_residual_;
    if (ops.x_plain) {
      x_ = packed_x_ = memory;
      memory += images * xs.strip_floats();
    }
    if (ops.y_plain) {
      y_ = memory;
      memory += images * ys.strip_floats();
      if (ops.residual != nullptr) {
        residual_ = packed_residual_ = memory;
        memory += images * ys.strip_floats();
      }
    }
    work_memory_ = memory;
  }

  static int64_t floats_per_image(const Operands& ops) {
    const int64_t y = ops.y_plain ? ops.y_strips.strip_floats() : 0;
    return (ops.x_plain ? ops.x_strips.strip_floats() : 0) + y + (ops.residual != nullptr ? y : 0);
  }

  Status run() const {
    if (Status done = pack_all(); !done) return done;
    const StripOperands strips{ops_.x_strips, ops_.y_strips, x_, y_, residual_};
    const int64_t positions = images_ * ops_.y_strips.positions_h * ops_.y_strips.positions_w;
    if (Status done = work_.compute(strips, positions, threads_, work_memory_); !done || !ops_.y_plain) return done;
    return for_position_rows(ops_.y_strips, [&](int64_t image, int64_t first, int64_t last) {
      unpack_strip_rows(ops_.y_strips, y_ + image * ops_.y_strips.strip_floats(), first, last,
                        plain_y_ + image * ops_.y_strips.image_floats());
    });
  }

 private:
  /// Divides the position rows of all images; visit(image, first row, last row).
  template <class Visit>
  Status for_position_rows(const StripView& view, const Visit& visit) const {
    const int64_t rows = images_ * view.positions_h;
    const auto parts = static_cast<int>(std::min<int64_t>(threads_, rows));
    return work_.workers.run(threads_, parts, [&](int part) {
      const int64_t end = rows * (part + 1) / parts;
      for (int64_t row = rows * part / parts; row < end;) {
        const int64_t image = row / view.positions_h, first = row % view.positions_h;
        const int64_t last = std::min(view.positions_h, first + end - row);
        visit(image, first, last);
        row += last - first;
      }
    });
  }

  Status pack(const StripView& view, const float* images, float* strips) const {
    return for_position_rows(view, [&](int64_t image, int64_t first, int64_t last) {
      pack_strip_rows(view, images + image * view.image_floats(), first, last, strips + image * view.strip_floats());
    });
  }
  Status pack_all() const {
    Status done = success();
    if (packed_x_ != nullptr) done = pack(ops_.x_strips, plain_x_, packed_x_);
    if (done && ops_.y_plain && work_.accumulate) done = pack(ops_.y_strips, plain_y_, y_);
    if (done && packed_residual_ != nullptr) done = pack(ops_.y_strips, plain_residual_, packed_residual_);
    return done;
  }

  const StripWork& work_;
  const Operands& ops_;
  const int64_t images_;
  const int threads_;
  const float* plain_x_ = nullptr;  ///< as the caller gave it; likewise Y and the residual
  float* plain_y_ = nullptr;
  const float* plain_residual_ = nullptr;
  float *packed_x_ = nullptr, *packed_residual_ = nullptr;
  const float* x_ = nullptr;  ///< strips
  float* y_ = nullptr;
  const float* residual_ = nullptr;
  float* work_memory_ = nullptr;
};

SplitShape split_shape(const Launch& kernel, const StripOperands& strips, int64_t positions, int64_t unit) {
  const StripView &xs = strips.x_view, &ys = strips.y_view;
  const int64_t block = kernel.schedule.n_block > 0 ? kernel.schedule.n_block : positions;
  const int64_t lines = xs.positions_h * xs.positions_w * xs.channels;
  // By rows of the weights threads share X, but for depthwise ones, each of which has a channel of its own.
  const bool own_channels = kernel.schedule.form == Form::depthwise;
  return {.panels = (positions + unit - 1) / unit,
          .k = own_channels ? 0 : lines / (ys.positions_h * ys.positions_w),
          .tiles = kernel.tiles,
          .work = kernel.work * unit,
          .panels_per_pass = unit > 1 ? 1 : kernel.schedule.panels_per_pass,
          .n_blocks = (positions + block - 1) / block};
}

/// One kernel.
class OneLaunch final : public StripWork {
 public:
  explicit OneLaunch(const Launch& kernel) : StripWork{kernel.workers, kernel.accumulate}, kernel_(kernel) {}
  Status compute(const StripOperands& strips, int64_t positions, int threads, float*) const override {
    return compute_strips(kernel_, strips, positions, threads);
  }

 private:
  const Launch& kernel_;
};

void compute_range(const Launch& kernel, const StripOperands& strips, int64_t first, int64_t last, int64_t first_tile,
                   int64_t last_tile, bool fresh) {
  const int64_t pass = kernel.schedule.form == Form::compact ? kernel.schedule.panels_per_pass : 0;
  const int64_t block = kernel.schedule.n_block > 0 ? kernel.schedule.n_block : last - first;
  StripOperands runs = strips;
  runs.run_rows = kernel.schedule.rows_per_pass(strips.y_view.positions_w);
  for (int64_t p = first; p < last; p += block) {
    const int64_t end = std::min(p + block, last);
    compute_tiles(kernel, first_tile, last_tile, fresh && p == first,
                  [&](const auto& visit) { for_each_strip_run(runs, pass, p, end, visit); });
  }
}

}  // namespace

int64_t positions_together(const Launch& kernel, const StripOperands& strips) {
  const int64_t row = strips.y_view.positions_w, rows = kernel.schedule.rows_per_pass(row);
  return rows > 1 ? rows * row : 1;
}

void compute_positions(const Launch& kernel, const StripOperands& strips, int64_t first, int64_t last, bool fresh) {
  compute_range(kernel, strips, first, last, 0, kernel.tiles, fresh);
}

Status compute_strips(const Launch& kernel, const StripOperands& strips, int64_t positions, int threads) {
  const int64_t unit = positions_together(kernel, strips);
  const SplitShape shape = split_shape(kernel, strips, positions, unit);
  const Split split = choose_split(shape, threads);
  // Units [0, alone) are divided, with all tiles; over the others the tiles are.
  const int64_t alone = split.by == SplitBy::rows   ? 0
                        : split.by == SplitBy::both ? shape.panels / split.threads * split.threads
                                                    : shape.panels;
  const auto position = [&](int64_t of_unit) { return std::min(of_unit * unit, positions); };
  const int ranges = alone > 0 ? split.threads : 0;
  const int parts = alone < shape.panels ? tile_parts(kernel, split.threads) : 0;
  return kernel.workers.run(split.threads, ranges + parts, [&](int part) {
    if (part < ranges) {
      return compute_range(kernel, strips, position(alone * part / ranges), position(alone * (part + 1) / ranges), 0,
                           kernel.tiles, true);
    }
    const int64_t number = part - ranges;
    compute_range(kernel, strips, position(alone), positions, kernel.tiles * number / parts,
                  kernel.tiles * (number + 1) / parts, true);
  });
}

Status launch_strips(const StripWork& work, const Operands& ops, int threads) {
  const int64_t packed = Group::floats_per_image(ops), each = packed + work.floats_per_image;
  const int64_t bytes_each = each * static_cast<int64_t>(sizeof(float));
  const int64_t most = each > 0 ? threads * kGroupBytes / bytes_each : ops.batch;
  const int64_t images = std::clamp<int64_t>(most, 1, ops.batch);
  const int64_t bytes = images * bytes_each + work.floats * static_cast<int64_t>(sizeof(float));
  std::byte* const memory = reserve_scratch(bytes);
  if (bytes > 0 && memory == nullptr) {
    return unsuitable("no memory for " + std::to_string(bytes) + " bytes of packed activations",
                      "keep activations in strips (strip.h)");
  }
  for (int64_t first = 0; first < ops.batch; first += images) {
    const Group group(work, ops, first, std::min(images, ops.batch - first), threads, reinterpret_cast<float*>(memory));
    if (Status done = group.run(); !done) return done;
  }
  return success();
}

Status launch_spatial(const Launch& kernel, const Operands& ops, int threads) {
  return launch_strips(OneLaunch(kernel), ops, threads);
}

}  // namespace sparsmith

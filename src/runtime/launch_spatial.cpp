#include "runtime/launch_spatial.h"

#include <algorithm>
#include <string>

#include "runtime/image_runs.h"
#include "runtime/scratch.h"
#include "runtime/split.h"
#include "runtime/tile_calls.h"

namespace sparsmith {
namespace {

/// Images of one group for each thread: packed, they should still be in L2 when they are read.
constexpr int64_t kGroupBytes = int64_t{1} << 20;

/// One group of images, where they lie in the caller's memory or packed in working memory.
class Group {
 public:
  Group(const SpatialWork& work, const Operands& ops, int64_t first_image, int64_t images, int threads, float* memory)
      : work_(work), ops_(ops), images_(images), threads_(threads) {
    const ImageView &xs = ops.x_images, &ys = ops.y_images;
    const int64_t x_image = ops.x_plain ? xs.plain_floats() : xs.packed_floats();
    const int64_t y_image = ops.y_plain ? ys.plain_floats() : ys.packed_floats();
    given_x_ = ops.x + first_image * x_image;
    // Panels in runs are counted from the pointers that the runs are for.
    if (ops.y_runs.run > 0 || ops.residual_runs.run > 0) images_before_ = first_image;
    const int64_t y_at = (first_image - images_before_) * y_image;
    given_y_ = ops.y + y_at;
    if (ops.residual != nullptr) given_residual_ = ops.residual + y_at;
    x_ = given_x_;
    y_ = given_y_;
    residual_ = given_residual_;
    if (ops.x_plain) {
      x_ = packed_x_ = memory;
      memory += images * xs.packed_floats();
    }
    if (ops.y_plain) {
      y_ = memory;
      memory += images * ys.packed_floats();
      if (ops.residual != nullptr) {
        residual_ = packed_residual_ = memory;
        memory += images * ys.packed_floats();
      }
    }
    work_memory_ = memory;
  }

  static int64_t floats_per_image(const Operands& ops) {
    const int64_t y = ops.y_plain ? ops.y_images.packed_floats() : 0;
    return (ops.x_plain ? ops.x_images.packed_floats() : 0) + y + (ops.residual != nullptr ? y : 0);
  }

  Status run() const {
    if (Status done = pack_all(); !done) return done;
    const ImageOperands images{.runs = ops_.runs,
                               .x = x_,
                               .y = y_,
                               .residual = residual_,
                               .y_first = -images_before_ * ops_.runs.panels_per_image(),
                               .y_runs = ops_.y_runs,
                               .residual_runs = ops_.residual_runs};
    const int64_t panels = images_ * ops_.runs.panels_per_image();
    if (Status done = work_.compute(images, panels, threads_, work_memory_); !done) return done;
    const ImageView& view = ops_.y_images;
    if (ops_.y_plain) {
      return for_each_part(view, [&](int64_t image, int64_t first, int64_t last) {
        view.unpack(y_ + image * view.packed_floats(), first, last, given_y_ + image * view.plain_floats());
      });
    }
    if (!view.defines_padding()) return success();
    return for_each_part(view, [&](int64_t image, int64_t first, int64_t last) {
      view.clear_padding(first, last, y_ + image * view.packed_floats());
    });
  }

 private:
  /// Divides the parts of all images; visit(image, first part, last part).
  template <class Visit>
  Status for_each_part(const ImageView& view, const Visit& visit) const {
    const int64_t all = images_ * view.parts();
    const auto shares = static_cast<int>(std::min<int64_t>(threads_, all));
    return work_.workers.run(threads_, shares, [&](int share) {
      const int64_t end = all * (share + 1) / shares;
      for (int64_t part = all * share / shares; part < end;) {
        const int64_t image = part / view.parts(), first = part % view.parts();
        const int64_t last = std::min(view.parts(), first + end - part);
        visit(image, first, last);
        part += last - first;
      }
    });
  }

  Status pack(const ImageView& view, const float* plain, float* packed) const {
    return for_each_part(view, [&](int64_t image, int64_t first, int64_t last) {
      view.pack(plain + image * view.plain_floats(), first, last, packed + image * view.packed_floats());
    });
  }
  Status pack_all() const {
    Status done = success();
    if (packed_x_ != nullptr) done = pack(ops_.x_images, given_x_, packed_x_);
    if (done && ops_.y_plain && work_.accumulate) done = pack(ops_.y_images, given_y_, y_);
    if (done && packed_residual_ != nullptr) done = pack(ops_.y_images, given_residual_, packed_residual_);
    return done;
  }

  const SpatialWork& work_;
  const Operands& ops_;
  const int64_t images_;
  const int threads_;
  int64_t images_before_ = 0;       ///< that lie at given_y_ and given_residual_, before the group's
  const float* given_x_ = nullptr;  ///< by the caller; likewise Y and the residual
  float* given_y_ = nullptr;
  const float* given_residual_ = nullptr;
  float *packed_x_ = nullptr, *packed_residual_ = nullptr;
  const float* x_ = nullptr;  ///< as the code sees it
  float* y_ = nullptr;
  const float* residual_ = nullptr;
  float* work_memory_ = nullptr;
};

SplitShape split_shape(const Launch& kernel, const ImageOperands& images, int64_t panels, int64_t unit) {
  const int64_t block = kernel.schedule.n_block > 0 ? kernel.schedule.n_block : panels;
  const ImageRuns& runs = images.runs;
  const int64_t depth =
      runs.x_image > 0 ? runs.x_image / kPanelWidth / runs.panels_per_image() : runs.x_panel / kPanelWidth;
  // By rows of the weights threads share X, but for depthwise ones, each of which has a channel of its own.
  const bool own_channels = kernel.schedule.form == Form::depthwise;
  return {.panels = (panels + unit - 1) / unit,
          .k = own_channels ? 0 : depth,
          .tiles = kernel.tiles,
          .work = kernel.work * unit,
          .panels_per_pass = unit > 1 ? 1 : kernel.schedule.panels_per_pass,
          .n_blocks = (panels + block - 1) / block};
}

/// One kernel.
class OneLaunch final : public SpatialWork {
 public:
  explicit OneLaunch(const Launch& kernel) : SpatialWork{kernel.workers, kernel.accumulate}, kernel_(kernel) {}
  Status compute(const ImageOperands& images, int64_t panels, int threads, float*) const override {
    return compute_images(kernel_, images, panels, threads);
  }

 private:
  const Launch& kernel_;
};

void compute_range(const Launch& kernel, const ImageOperands& images, int64_t first, int64_t last, int64_t first_tile,
                   int64_t last_tile, bool fresh) {
  const int64_t pass = kernel.schedule.form == Form::compact ? kernel.schedule.panels_per_pass : 0;
  const int64_t block = kernel.schedule.n_block > 0 ? kernel.schedule.n_block : last - first;
  ImageOperands runs = images;
  runs.run_rows = kernel.schedule.rows_per_pass(images.runs.panels);
  for (int64_t p = first; p < last; p += block) {
    const int64_t end = std::min(p + block, last);
    compute_tiles(kernel, first_tile, last_tile, fresh && p == first,
                  [&](const auto& visit) { for_each_image_run(runs, pass, p, end, visit); });
  }
}

}  // namespace

int64_t panels_together(const Launch& kernel, const ImageOperands& images) {
  const int64_t row = images.runs.panels, rows = kernel.schedule.rows_per_pass(row);
  return rows > 1 ? rows * row : 1;
}

void compute_panels(const Launch& kernel, const ImageOperands& images, int64_t first, int64_t last, bool fresh) {
  compute_range(kernel, images, first, last, 0, kernel.tiles, fresh);
}

Status compute_images(const Launch& kernel, const ImageOperands& images, int64_t panels, int threads) {
  const int64_t unit = panels_together(kernel, images);
  const SplitShape shape = split_shape(kernel, images, panels, unit);
  const Split split = choose_split(shape, threads);
  // Units [0, alone) are divided, with all tiles; over the others the tiles are.
  const int64_t alone = split.by == SplitBy::rows   ? 0
                        : split.by == SplitBy::both ? shape.panels / split.threads * split.threads
                                                    : shape.panels;
  const auto panel = [&](int64_t of_unit) { return std::min(of_unit * unit, panels); };
  const int ranges = alone > 0 ? split.threads : 0;
  const int parts = alone < shape.panels ? tile_parts(kernel, split.threads) : 0;
  return kernel.workers.run(split.threads, ranges + parts, [&](int part) {
    if (part < ranges) {
      return compute_range(kernel, images, panel(alone * part / ranges), panel(alone * (part + 1) / ranges), 0,
                           kernel.tiles, true);
    }
    const int64_t number = part - ranges;
    compute_range(kernel, images, panel(alone), panels, kernel.tiles * number / parts,
                  kernel.tiles * (number + 1) / parts, true);
  });
}

Status launch_images(const SpatialWork& work, const Operands& ops, int threads) {
  const int64_t packed = Group::floats_per_image(ops), each = packed + work.floats_per_image;
  const int64_t bytes_each = each * static_cast<int64_t>(sizeof(float));
  const int64_t most = each > 0 ? threads * kGroupBytes / bytes_each : ops.batch;
  const int64_t images = std::clamp<int64_t>(most, 1, ops.batch);
  const int64_t bytes = images * bytes_each + work.floats * static_cast<int64_t>(sizeof(float));
  std::byte* const memory = reserve_scratch(bytes);
  if (bytes > 0 && memory == nullptr) {
    return unsuitable("no memory for " + std::to_string(bytes) + " bytes of packed activations",
                      "keep activations in a layout of image_layout.h");
  }
  for (int64_t first = 0; first < ops.batch; first += images) {
    const Group group(work, ops, first, std::min(images, ops.batch - first), threads, reinterpret_cast<float*>(memory));
    if (Status done = group.run(); !done) return done;
  }
  return success();
}

Status launch_spatial(const Launch& kernel, const Operands& ops, int threads) {
  return launch_images(OneLaunch(kernel), ops, threads);
}

}  // namespace sparsmith

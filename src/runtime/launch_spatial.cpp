#include "runtime/launch_spatial.h"

#include <algorithm>
#include <string>

#include "runtime/scratch.h"
#include "runtime/tile_calls.h"

namespace sparsmith {
namespace {

/// Strips of one group for each thread: packed, they should still be in L2 when they are read.
constexpr int64_t kGroupBytes = int64_t{1} << 20;

constexpr int64_t kLine = kPanelWidth * static_cast<int64_t>(sizeof(float));

/// One group of images: their strips, where they lie in the caller's memory or in working memory.
class Group {
 public:
  Group(const Launch& kernel, const Operands& ops, int64_t first_image, int64_t images, int threads, float* memory)
      : kernel_(kernel), ops_(ops), images_(images), threads_(threads) {
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
    if (!ops.y_plain) return;
    y_ = memory;
    memory += images * ys.strip_floats();
    if (ops.residual != nullptr) residual_ = packed_residual_ = memory;
  }

  static int64_t floats_per_image(const Operands& ops) {
    const int64_t y = ops.y_plain ? ops.y_strips.strip_floats() : 0;
    return (ops.x_plain ? ops.x_strips.strip_floats() : 0) + y + (ops.residual != nullptr ? y : 0);
  }

  Status run() const {
    if (Status done = pack_all(); !done) return done;
    if (Status done = compute(); !done || !ops_.y_plain) return done;
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
    return kernel_.workers.run(threads_, parts, [&](int part) {
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
    if (done && ops_.y_plain && kernel_.accumulate) done = pack(ops_.y_strips, plain_y_, y_);
    if (done && packed_residual_ != nullptr) done = pack(ops_.y_strips, plain_residual_, packed_residual_);
    return done;
  }

  /// Positions when there are enough of them for all threads, else tiles, which write different rows of Y.
  Status compute() const {
    const int64_t panels = images_ * ops_.y_strips.positions_h * ops_.y_strips.positions_w;
    constexpr int64_t kPanelsPerThread = 4, kPartsPerThread = 4;
    if (threads_ == 1 || panels >= kPanelsPerThread * threads_) {
      return kernel_.workers.run(threads_, threads_, [&](int part) {
        compute_panels(panels * part / threads_, panels * (part + 1) / threads_, 0, kernel_.tiles);
      });
    }
    const auto parts = static_cast<int>(std::min(threads_ * kPartsPerThread, kernel_.tiles));
    return kernel_.workers.run(threads_, parts, [&](int part) {
      compute_panels(0, panels, kernel_.tiles * part / parts, kernel_.tiles * (part + 1) / parts);
    });
  }

  void compute_panels(int64_t first, int64_t last, int64_t first_tile, int64_t last_tile) const {
    const int64_t block = kernel_.schedule.n_block > 0 ? kernel_.schedule.n_block : last - first;
    for (int64_t p = first; p < last; p += block) {
      const int64_t end = std::min(p + block, last);
      compute_tiles(kernel_, first_tile, last_tile, p == first, [&](const auto& visit) { for_each_run(p, end, visit); });
    }
  }

  /// Panels [first, last) as runs along rows of positions, of which one is stride_w positions of X after the other.
  template <class Visit>
  void for_each_run(int64_t first, int64_t last, const Visit& visit) const {
    const StripView &xs = ops_.x_strips, &ys = ops_.y_strips;
    const int64_t stride_h = xs.step_h / ys.step_h, stride_w = xs.step_w / ys.step_w;
    for (int64_t p = first; p < last;) {
      const int64_t column = p % ys.positions_w, row = p / ys.positions_w % ys.positions_h;
      const int64_t image = p / ys.positions_w / ys.positions_h;
      const int64_t x_position = (image * xs.positions_h + row * stride_h) * xs.positions_w + column * stride_w;
      Run run;
      run.count = std::min(ys.positions_w - column, last - p);
      run.args.x = x_ + x_position * xs.channels * kPanelWidth;
      run.args.x_panel_stride = stride_w * xs.channels * kLine;
      run.args.x_row_stride = run.args.y_row_stride = run.args.residual_row_stride = kLine;
      run.args.y = y_ + p * ys.channels * kPanelWidth;
      run.args.y_panel_stride = run.args.residual_panel_stride = ys.channels * kLine;
      if (residual_ != nullptr) run.args.residual = residual_ + p * ys.channels * kPanelWidth;
      visit(run);
      p += run.count;
    }
  }

  const Launch& kernel_;
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
};

}  // namespace

Status launch_spatial(const Launch& kernel, const Operands& ops, int threads) {
  const int64_t image_bytes = Group::floats_per_image(ops) * static_cast<int64_t>(sizeof(float));
  const int64_t most = image_bytes > 0 ? threads * kGroupBytes / image_bytes : ops.batch;
  const int64_t images = std::clamp<int64_t>(most, 1, ops.batch);
  std::byte* const memory = reserve_scratch(images * image_bytes);
  if (images * image_bytes > 0 && memory == nullptr) {
    return unsuitable("no memory for " + std::to_string(images * image_bytes) + " bytes of packed activations",
                      "keep activations in strips (strip.h)");
  }
  for (int64_t first = 0; first < ops.batch; first += images) {
    const Group group(kernel, ops, first, std::min(images, ops.batch - first), threads,
                      reinterpret_cast<float*>(memory));
    if (Status done = group.run(); !done) return done;
  }
  return success();
}

}  // namespace sparsmith

#include "runtime/launch.h"

#include <algorithm>
#include <memory>
#include <string>

#include "runtime/launch_spatial.h"
#include "runtime/scratch.h"
#include "runtime/split.h"
#include "runtime/tile_calls.h"

namespace sparsmith {
namespace {

constexpr int64_t kLine = kPanelWidth * static_cast<int64_t>(sizeof(float));  // bytes of a panel's row

// --- A block of panels

// A run of the block.
struct BlockRun : Run {
  int64_t first = 0;        // panel
  float* staged = nullptr;  // when Y goes through panels in working memory: where the first of them is
};

// Working memory of a block, laid out once per call: packed X, then panels of Y and of the residual that can't be
// stored to directly, then the runs.
struct BlockLayout {
  int64_t panels = 0;  // at most so many in a block
  int64_t staged = 0;  // at most so many of them staged
  int64_t runs = 1;    // at most so many runs
  int64_t x_bytes = 0;
  int64_t y_bytes = 0;
  int64_t residual_bytes = 0;
  int64_t bytes() const {
    const int64_t run_bytes = (runs * static_cast<int64_t>(sizeof(BlockRun)) + 63) / 64 * 64;
    return x_bytes + y_bytes + residual_bytes + run_bytes;
  }
};

bool reads_x_in_place(const Launch& kernel, const Operands& ops) { return ops.x_plain && kernel.schedule.direct_x; }

// Columns of an image of the plain operands that are used where they lie; 0 when none is. A convolution that is read in
// place has no stride, so that X and Y have the same images.
int64_t image_in_place(const Launch& kernel, const Operands& ops) {
  return ops.y_plain ? ops.y_view.image : reads_x_in_place(kernel, ops) ? ops.x_view.image : 0;
}

// A panel of a plain operand is used where it lies when its 16 columns lie side by side, or when those that narrow code
// computes do. The others are a matrix's tail and the panels of a batch that reach from one image into the next.
int64_t max_staged(const Launch& kernel, const Operands& ops, int64_t panels) {
  const int64_t image = image_in_place(kernel, ops);
  if (image == 0 || image % kPanelWidth == 0) return 0;
  if (image < kPanelWidth) return panels;
  return std::min(panels, panels * kPanelWidth / image + 1);
}

BlockLayout lay_out(const Launch& kernel, const Operands& ops, int64_t panels) {
  BlockLayout layout;
  layout.panels = panels;
  layout.staged = max_staged(kernel, ops, panels);
  // Each staged panel may part two direct runs, and the caller's own runs end where they do.
  const int64_t image = image_in_place(kernel, ops);
  int64_t runs = image > 0 ? 2 * panels * kPanelWidth / image + 3 : 1;
  for (const PanelRuns& given : {ops.x_runs, ops.y_runs, ops.residual_runs}) {
    if (given.run > 0) runs += panels / given.run + 1;
  }
  layout.runs = std::min(panels, runs);
  layout.x_bytes = ops.x_plain ? (reads_x_in_place(kernel, ops) ? layout.staged : panels) * kernel.k * kLine : 0;
  layout.y_bytes = ops.y_plain ? layout.staged * kernel.m * kLine : 0;
  layout.residual_bytes = ops.residual != nullptr ? layout.y_bytes : 0;
  return layout;
}

// The schedule's n-block within `panels`, cut so that its working memory stays bounded.
int64_t block_panels(const Launch& kernel, const Operands& ops, int64_t panels) {
  int64_t block = kernel.schedule.n_block > 0 ? std::min(kernel.schedule.n_block, panels) : panels;
  const int64_t pass = kernel.schedule.panels_per_pass;
  while (block > 1 && lay_out(kernel, ops, block).bytes() > kMaxScratchBytes) {
    block /= 2;
    if (block > pass) block -= block % pass;
  }
  return block;
}

// One block: packs what it needs, computes ranges of tiles, brings staged panels home.
class Block {
 public:
  Block(const Launch& kernel, const Operands& ops, const BlockLayout& layout, std::byte* memory)
      : kernel_(kernel),
        ops_(ops),
        x_in_place_(reads_x_in_place(kernel, ops)),
        packed_x_(reinterpret_cast<float*>(memory)),
        staged_y_(reinterpret_cast<float*>(memory + layout.x_bytes)),
        staged_residual_(reinterpret_cast<float*>(memory + layout.x_bytes + layout.y_bytes)),
        runs_(reinterpret_cast<BlockRun*>(memory + layout.x_bytes + layout.y_bytes + layout.residual_bytes)) {}

  void prepare(int64_t first, int64_t last) {
    first_ = first;
    ++blocks_;
    run_count_ = 0;
    if (ops_.x_plain && !x_in_place_) pack_panels(ops_.x_view, ops_.x, first, last, packed_x_);
    if (!ops_.y_plain && !x_in_place_) {
      for (int64_t p = first; p < last;) {
        const BlockRun& run = add_panel_run(p, ops_.side_by_side(p, last - p));
        p += run.count;
      }
      return;
    }
    const PlainView& view = ops_.y_plain ? ops_.y_view : ops_.x_view;
    int64_t slot = 0;
    for (int64_t p = first; p < last;) {
      const int64_t side_by_side = view.contiguous(p * kPanelWidth);
      const int64_t computed = parts(p, 1) * kernel_.schedule.lanes;
      const bool tail_fits = computed < kPanelWidth && computed <= side_by_side;
      const int64_t direct = tail_fits ? 1 : ops_.side_by_side(p, std::min(side_by_side / kPanelWidth, last - p));
      if (direct > 0) {
        add_direct_run(p, direct);
        p += direct;
      } else {
        stage(p++, slot++);
      }
    }
  }

  void compute(int64_t first_tile, int64_t last_tile) const {
    compute_tiles(kernel_, first_tile, last_tile, blocks_ == 1, [&](const auto& visit) {
      for (int64_t i = 0; i < run_count_; ++i) visit(runs_[i]);
    });
  }

  void finish() const {
    for (int64_t i = 0; i < run_count_; ++i) {
      const BlockRun& run = runs_[i];
      if (run.staged != nullptr) unpack_panels(ops_.y_view, run.staged, run.first, run.first + run.count, ops_.y);
    }
  }

 private:
  BlockRun& add_run(int64_t first, int64_t count) {
    BlockRun& run = *std::construct_at(&runs_[run_count_++]);
    const int64_t panel = kernel_.k * kPanelWidth;
    run.args.x = ops_.x_plain ? packed_x_ + (first - first_) * panel : ops_.x + ops_.x_runs.at(first) * panel;
    run.args.x_panel_stride = kernel_.k * kLine;
    run.args.x_row_stride = kLine;
    run.first = first;
    run.count = count;
    run.parts = parts(first, count);
    return run;
  }

  // Calls of narrow code for the columns of each panel: of the last one alone, no more than it has columns for.
  int64_t parts(int64_t first, int64_t count) const {
    const int64_t lanes = kernel_.schedule.lanes;
    const int64_t columns = count == 1 ? std::min(kPanelWidth, ops_.n - first * kPanelWidth) : kPanelWidth;
    return (columns + lanes - 1) / lanes;
  }

  // Y and the residual in panels, the caller's or staged ones.
  void set_panels(Run& run, float* y, const float* residual, int64_t pitch) const {
    run.args.y = y;
    run.args.y_panel_stride = run.args.residual_panel_stride = pitch * kLine;
    run.args.y_row_stride = run.args.residual_row_stride = kLine;
    run.args.residual = residual;
  }

  // The caller's own panels.
  void set_y_panels(Run& run, int64_t first) const {
    const int64_t panel = ops_.y_pitch * kPanelWidth;
    const float* const residual =
        ops_.residual != nullptr ? ops_.residual + ops_.residual_runs.at(first) * panel : nullptr;
    set_panels(run, ops_.y + ops_.y_runs.at(first) * panel, residual, ops_.y_pitch);
  }

  // Panels that lie side by side in Y, in the residual, and in X unless it is packed here.
  const BlockRun& add_panel_run(int64_t first, int64_t count) {
    BlockRun& run = add_run(first, count);
    set_y_panels(run, first);
    return run;
  }

  void add_direct_run(int64_t first, int64_t count) {
    BlockRun& run = add_run(first, count);
    if (x_in_place_) {
      run.args.x = ops_.x + ops_.x_view.offset(first * kPanelWidth);
      run.args.x_panel_stride = kLine;
      run.args.x_row_stride = ops_.x_view.row_stride * static_cast<int64_t>(sizeof(float));
    }
    if (!ops_.y_plain) return set_y_panels(run, first);
    run.args.y = ops_.y + ops_.y_view.offset(first * kPanelWidth);
    run.args.y_panel_stride = kLine;
    run.args.y_row_stride = ops_.y_view.row_stride * static_cast<int64_t>(sizeof(float));
    if (ops_.residual == nullptr) return;
    run.args.residual = ops_.residual + ops_.residual_view.offset(first * kPanelWidth);
    run.args.residual_panel_stride = kLine;
    run.args.residual_row_stride = ops_.residual_view.row_stride * static_cast<int64_t>(sizeof(float));
  }

  void stage(int64_t panel, int64_t slot) {
    const int64_t at = slot * kernel_.m * kPanelWidth, x_at = slot * kernel_.k * kPanelWidth;
    if (x_in_place_) pack_panels(ops_.x_view, ops_.x, panel, panel + 1, packed_x_ + x_at);
    if (!ops_.y_plain) {
      BlockRun& run = add_run(panel, 1);
      run.args.x = packed_x_ + x_at;
      return set_y_panels(run, panel);
    }
    if (kernel_.accumulate) pack_panels(ops_.y_view, ops_.y, panel, panel + 1, staged_y_ + at);
    if (ops_.residual != nullptr) {
      pack_panels(ops_.residual_view, ops_.residual, panel, panel + 1, staged_residual_ + at);
    }
    BlockRun* before = run_count_ > 0 ? &runs_[run_count_ - 1] : nullptr;
    if (before != nullptr && before->staged != nullptr &&
        (ops_.x_plain || ops_.x_runs.side_by_side(panel - 1, 2) == 2)) {
      ++before->count;
      before->parts = parts(before->first, before->count);
      return;
    }
    BlockRun& run = add_run(panel, 1);
    if (x_in_place_) run.args.x = packed_x_ + x_at;
    run.staged = staged_y_ + at;
    set_panels(run, run.staged, ops_.residual != nullptr ? staged_residual_ + at : nullptr, kernel_.m);
  }

  const Launch& kernel_;
  const Operands& ops_;
  const bool x_in_place_;
  float* const packed_x_;
  float* const staged_y_;
  float* const staged_residual_;
  BlockRun* const runs_;
  int64_t run_count_ = 0;
  int64_t first_ = 0;   // panel of the block
  int64_t blocks_ = 0;  // prepared so far
};

// --- Dividing a call among threads

Error no_memory(int64_t bytes) {
  return unsuitable("no memory for " + std::to_string(bytes) + " bytes of packed activations",
                    "use panel layouts, or a schedule with a smaller n-block");
}

// Where the n-block from panel p on ends. Of the compact form an n-block is a pass, whose time hardly falls with its
// panels: they share the panels that lie side by side evenly rather than leave few to the last.
int64_t block_end(const Launch& kernel, const Operands& ops, int64_t p, int64_t last, int64_t block) {
  if (kernel.schedule.form != Form::compact) return std::min(p + block, last);
  const int64_t rest = ops.side_by_side(p, last - p), blocks = (rest + block - 1) / block;
  return p + (rest + blocks - 1) / blocks;
}

void compute_blocks(const Launch& kernel, const Operands& ops, Block& work, int64_t first, int64_t last,
                    int64_t block) {
  for (int64_t p = first, next = 0; p < last; p = next) {
    next = block_end(kernel, ops, p, last, block);
    work.prepare(p, next);
    work.compute(0, kernel.tiles);
    work.finish();
  }
}

// Each thread computes a range of panels, all tiles of it, with working memory of its own.
Status launch_by_panels(const Launch& kernel, const Operands& ops, int threads) {
  // Whole passes for each thread, unless that would leave one with noticeably more panels than another.
  const int64_t pass = kernel.schedule.panels_per_pass, panels = ops.count();
  const int64_t unit = panels / threads >= 4 * pass ? pass : 1;
  const auto begin = [&](int part) { return ops.first_panel + panels * part / threads / unit * unit; };
  const auto end = [&](int part) { return part + 1 == threads ? ops.panels : begin(part + 1); };
  const int64_t most = (panels + threads - 1) / threads + unit - 1;  // rounding down may leave a part so much
  const int64_t block = block_panels(kernel, ops, most);
  const BlockLayout layout = lay_out(kernel, ops, block);
  std::byte* const memory = reserve_scratch(layout.bytes() * threads);
  if (memory == nullptr) return no_memory(layout.bytes() * threads);

  const auto run_part = [&](int part) {
    Block work(kernel, ops, layout, memory + layout.bytes() * part);
    compute_blocks(kernel, ops, work, begin(part), end(part), block);
  };
  return kernel.workers.run(threads, threads, run_part);
}

void compute_tile_part(const Launch& kernel, const Block& work, int part, int parts) {
  work.compute(kernel.tiles * part / parts, kernel.tiles * (part + 1) / parts);
}

// The threads share the packed panels and divide the tiles, which write different rows.
Status launch_by_tiles(const Launch& kernel, const Operands& ops, int threads) {
  const int parts = tile_parts(kernel, threads);
  const int64_t block = block_panels(kernel, ops, ops.count());
  const BlockLayout layout = lay_out(kernel, ops, block);
  std::byte* const memory = reserve_scratch(layout.bytes());
  if (memory == nullptr) return no_memory(layout.bytes());

  Block work(kernel, ops, layout, memory);
  for (int64_t p = ops.first_panel, next = 0; p < ops.panels; p = next) {
    next = block_end(kernel, ops, p, ops.panels, block);
    work.prepare(p, next);
    Status done = kernel.workers.run(threads, parts, [&](int part) { compute_tile_part(kernel, work, part, parts); });
    if (!done) return done;
    work.finish();
  }
  return success();
}

// Each thread computes as many panels as go round, then all of them divide the tiles over the panels left.
Status launch_by_both(const Launch& kernel, const Operands& ops, int threads) {
  const int64_t each = ops.count() / threads, left = ops.count() % threads;
  const int64_t block = block_panels(kernel, ops, each);
  const BlockLayout layout = lay_out(kernel, ops, block), left_layout = lay_out(kernel, ops, left);
  if (left_layout.bytes() > kMaxScratchBytes) return launch_by_panels(kernel, ops, threads);
  const int64_t bytes = layout.bytes() * threads + left_layout.bytes();
  std::byte* const memory = reserve_scratch(bytes);
  if (memory == nullptr) return no_memory(bytes);

  Block left_work(kernel, ops, left_layout, memory + layout.bytes() * threads);
  left_work.prepare(ops.panels - left, ops.panels);
  const int parts = tile_parts(kernel, threads);
  Status done = kernel.workers.run(threads, threads + parts, [&](int part) {
    if (part >= threads) return compute_tile_part(kernel, left_work, part - threads, parts);
    Block work(kernel, ops, layout, memory + layout.bytes() * part);
    const int64_t first = ops.first_panel + each * part;
    compute_blocks(kernel, ops, work, first, first + each, block);
  });
  if (!done) return done;
  left_work.finish();
  return success();
}

SplitShape split_shape(const Launch& kernel, const Operands& ops) {
  const int64_t block = kernel.schedule.n_block > 0 ? kernel.schedule.n_block : ops.count();
  return {.panels = ops.count(),
          .k = kernel.k,
          .tiles = kernel.tiles,
          .work = kernel.work,
          .panels_per_pass = kernel.schedule.panels_per_pass,
          .n_blocks = (ops.count() + block - 1) / block,
          .packs_x = ops.x_plain && !kernel.schedule.direct_x};
}

}  // namespace

int64_t tile_count(std::span<const Segment> segments) {
  int64_t tiles = 0;
  for (const Segment& segment : segments) tiles = std::max<int64_t>(tiles, int64_t{segment.tile} + 1);
  return tiles;
}

int tile_parts(const Launch& kernel, int threads) {
  constexpr int kPartsPerThread = 4;
  return static_cast<int>(std::min<int64_t>(int64_t{threads} * kPartsPerThread, kernel.tiles));
}

int useful_threads(const Launch& kernel, int64_t units, int threads) {
  threads = std::max(kernel.workers.available(threads), 1);
  // No thread for less than its share of work.
  const double work = static_cast<double>(units) * static_cast<double>(kernel.work);
  const double useful = 1 + work / static_cast<double>(std::max<int64_t>(kernel.min_work_per_thread, 1));
  return useful < threads ? static_cast<int>(useful) : threads;
}

Status launch(const Launch& kernel, const Operands& ops, int threads) {
  const CallScope inside;
  threads = useful_threads(kernel, ops.count(), threads);
  if (ops.spatial) return launch_spatial(kernel, ops, threads);
  const Split split = choose_split(split_shape(kernel, ops), threads);
  if (split.by == SplitBy::both) return launch_by_both(kernel, ops, split.threads);
  if (split.by == SplitBy::rows) return launch_by_tiles(kernel, ops, split.threads);
  return launch_by_panels(kernel, ops, split.threads);
}

}  // namespace sparsmith

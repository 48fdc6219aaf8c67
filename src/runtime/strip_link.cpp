// Values that stay in strips from one layer to the next: halos, and other cuts.
#include <algorithm>
#include <string>

#include "runtime/line_merge.h"
#include "runtime/parallel.h"
#include "sparsmith/panel.h"
#include "sparsmith/strip.h"

namespace sparsmith {
namespace {

/// Lines below which a thread isn't worth waking: some 5 us.
constexpr int64_t kLinesPerThread = 4096;

std::string number(int64_t value) { return std::to_string(value); }
std::string image_text(int64_t height, int64_t width) { return number(height) + "x" + number(width); }

Status check_sizes(int64_t batch, int64_t channels, int threads, const ParallelFor* parallel) {
  if (batch < 1) return bad_input("batch = " + number(batch) + ": there must be at least 1 image");
  if (channels < 1) return bad_input("strips of " + number(channels) + " channels", "at least 1");
  if (threads < 1) return bad_input("threads = " + number(threads) + ": a call needs at least 1 thread");
  return parallel != nullptr ? check_hook(*parallel) : success();
}

/// body(image, first channel, last channel) for all images and channels, divided among threads. `lines`: of a channel
/// of an image.
template <class Body>
Status for_each_share(int64_t batch, int64_t channels, int64_t lines, int threads, const ParallelFor* parallel,
                      const Body& body) {
  const CallScope inside;
  Workers workers;
  workers.hook = parallel;
  if (threads > 1 && parallel == nullptr) workers.pool = &process_pool();
  const int64_t useful = 1 + batch * channels * lines / kLinesPerThread;
  threads = static_cast<int>(std::min<int64_t>(std::max(workers.available(threads), 1), useful));
  const int64_t shares = std::min((threads + batch - 1) / batch, channels), all = batch * shares;
  const auto parts = static_cast<int>(std::min<int64_t>(threads, all));
  return workers.run(threads, parts, [&](int part) {
    for (int64_t i = all * part / parts; i < all * (part + 1) / parts; ++i) {
      const int64_t share = i % shares;
      body(i / shares, channels * share / shares, channels * (share + 1) / shares);
    }
  });
}

// --- Halos

/// Where a row or column of positions of all tiles lies: position `position` of the tiles `shift` further on. Tiles
/// [first, last) have it inside the image.
struct Axis {
  int64_t position = 0, shift = 0, first = 0, last = 0;

  /// `at`: counted from the tile's first pixel; `step`: pixels of a tile; `tiles` tiles over `size` pixels.
  static Axis of(int64_t at, int64_t step, int64_t tiles, int64_t size) {
    Axis axis;
    axis.shift = at >= 0 ? at / step : -((step - 1 - at) / step);
    axis.position = at - axis.shift * step;
    const int64_t holding = (size - axis.position + step - 1) / step;  // tiles that have that pixel; <= tiles
    axis.first = std::clamp<int64_t>(-axis.shift, 0, tiles);
    axis.last = std::clamp<int64_t>(holding - axis.shift, axis.first, tiles);
    return axis;
  }
};

uint16_t lanes_of(const Axis& rows, const Axis& columns, int64_t grid_w) {
  const unsigned of_row = (1u << columns.last) - (1u << columns.first);
  unsigned lanes = 0;
  for (int64_t i = rows.first; i < rows.last; ++i) lanes |= of_row << (i * grid_w);
  return static_cast<uint16_t>(lanes);
}

/// Channels [first, last) of one image.
void fill_image(float* strips, int64_t channels, int64_t first, int64_t last, const Conv2d& conv,
                const StripShape& shape) {
  constexpr uint16_t kAll = 0xffff;
  const LineMerge& lines = line_merge();
  const auto line = [&](int64_t y, int64_t x) {
    return strips + ((y * shape.x_w + x) * channels + first) * kPanelWidth;
  };
  for (int64_t y = 0; y < shape.x_h; ++y) {
    const Axis rows = Axis::of(y - conv.pad_top, shape.step_h, shape.grid_h, conv.height);
    for (int64_t x = 0; x < shape.x_w; ++x) {
      const Axis columns = Axis::of(x - conv.pad_left, shape.step_w, shape.grid_w, conv.width);
      LineSource source;
      source.lanes = lanes_of(rows, columns, shape.grid_w);
      if (rows.shift == 0 && columns.shift == 0) {
        const auto outside = static_cast<uint16_t>(kAll & ~source.lanes);
        if (outside != 0) lines.clear(outside, last - first, line(y, x));
        continue;
      }
      source.lines = line(conv.pad_top + rows.position, conv.pad_left + columns.position);
      const int64_t shift = rows.shift * shape.grid_w + columns.shift;
      for (int64_t l = 0; l < kPanelWidth; ++l) source.from[l] = static_cast<uint8_t>((l + shift) & (kPanelWidth - 1));
      lines.merge({&source, 1}, last - first, line(y, x));
    }
  }
}

// --- Other cuts

/// Where a row or column of positions of the new tiles lies in the old ones: groups of tiles that find it at the same
/// position.
struct Groups {
  struct Group {
    int64_t position = 0;
    uint16_t tiles = 0;  ///< bits
  };
  std::array<Group, kPanelWidth> groups{};
  std::array<uint8_t, kPanelWidth> from{};  ///< old tile, by new one
  int count = 0;

  /// `at`: pixel of the first new tile; `tiles` of them, `step` pixels apart, over `size` pixels in old tiles of
  /// `tile`.
  static Groups of(int64_t at, int64_t step, int64_t tiles, int64_t size, int64_t tile) {
    Groups all;
    for (int64_t i = 0; i < tiles; ++i) {
      const int64_t pixel = at + i * step;
      if (pixel < 0 || pixel >= size) continue;
      const int64_t from = pixel / tile, position = pixel - from * tile;
      all.from[i] = static_cast<uint8_t>(from);
      int g = 0;
      while (g < all.count && all.groups[g].position != position) ++g;
      if (g == all.count) all.groups[all.count++].position = position;
      all.groups[g].tiles = static_cast<uint16_t>(all.groups[g].tiles | 1u << i);
    }
    return all;
  }
};

/// The old value's positions of one image.
struct OldPositions {
  const float* lines = nullptr;  ///< of the first position and channel
  int64_t pitch = 0;             ///< positions from row to row
  int64_t channels = 0;
  int64_t grid_w = 0;
};

/// The sources of a new position, at most one for each lane.
int find_sources(const OldPositions& old, const Groups& rows, const Groups& columns, int64_t grid_w,
                 std::array<LineSource, kPanelWidth>& sources) {
  int count = 0;
  for (int r = 0; r < rows.count; ++r) {
    for (int c = 0; c < columns.count; ++c) {
      const Groups::Group &row = rows.groups[r], &column = columns.groups[c];
      LineSource& source = sources[count++];
      source.lines = old.lines + (row.position * old.pitch + column.position) * old.channels * kPanelWidth;
      unsigned lanes = 0;
      for (unsigned rest = row.tiles; rest != 0; rest &= rest - 1) {
        const int i = __builtin_ctz(rest);
        lanes |= static_cast<unsigned>(column.tiles) << (i * grid_w);
        for (unsigned tiles = column.tiles; tiles != 0; tiles &= tiles - 1) {
          const int j = __builtin_ctz(tiles);
          source.from[i * grid_w + j] = static_cast<uint8_t>(rows.from[i] * old.grid_w + columns.from[j]);
        }
      }
      source.lanes = static_cast<uint16_t>(lanes);
    }
  }
  return count;
}

/// Some channels of one image; `strips` from the first of them on.
void regrid_image(const OldPositions& old, int64_t channels, const StripGrid& grid, const Conv2d& next,
                  const StripShape& shape, float* strips) {
  std::array<LineSource, kPanelWidth> sources;
  for (int64_t y = 0; y < shape.x_h; ++y) {
    const Groups rows = Groups::of(y - next.pad_top, shape.step_h, shape.grid_h, grid.height, grid.tile_h);
    for (int64_t x = 0; x < shape.x_w; ++x, strips += old.channels * kPanelWidth) {
      const Groups columns = Groups::of(x - next.pad_left, shape.step_w, shape.grid_w, grid.width, grid.tile_w);
      const int count = find_sources(old, rows, columns, shape.grid_w, sources);
      line_merge().merge({sources.data(), static_cast<size_t>(count)}, channels, strips);
    }
  }
}

Status check_value(const StripGrid& grid, const PanelRuns& runs, const Conv2d& next) {
  if (grid.height != next.height || grid.width != next.width) {
    return bad_input("a value of " + image_text(grid.height, grid.width) + " for a convolution over " +
                     image_text(next.height, next.width));
  }
  if (grid.grid_h < 1 || grid.grid_w < 1 || grid.grid_h * grid.grid_w != kPanelWidth || grid.tile_h < 1 ||
      grid.tile_w < 1 || grid.grid_h * grid.tile_h < grid.height || grid.grid_w * grid.tile_w < grid.width) {
    return bad_input(image_text(grid.grid_h, grid.grid_w) + " tiles of " + image_text(grid.tile_h, grid.tile_w) +
                         " are no cut of an image of " + image_text(grid.height, grid.width),
                     "16 tiles that cover it, as output_grid and strip_interior have them");
  }
  const bool rows_of_grid =
      runs.run == grid.tile_w && runs.pitch >= runs.run && (runs.image_runs == 0 || runs.image_runs == grid.tile_h);
  if (runs == PanelRuns{} || rows_of_grid) return success();
  return bad_input("runs of " + number(runs.run) + " positions, pitch " + number(runs.pitch) + ", " +
                       number(runs.image_runs) + " an image, for a value of " + image_text(grid.tile_h, grid.tile_w) +
                       " positions",
                   "runs of tile_w, tile_h of them an image, as strip_interior has them");
}

}  // namespace

Status fill_strip_halo(float* strips, int64_t batch, int64_t channels, const Conv2d& conv, int threads,
                       const ParallelFor* parallel) {
  if (Status s = check_sizes(batch, channels, threads, parallel); !s) return s;
  if (!strip_interior(conv)) {
    return bad_input("X of this convolution over " + image_text(conv.height, conv.width) +
                         " has no interior in strips: its padding or stride exceeds its kernel, or it isn't padded",
                     "use regrid_strips, or pack_strips");
  }
  const StripShape shape = strip_shape(conv);
  return for_each_share(batch, channels, shape.x_positions(), threads, parallel,
                        [&](int64_t image, int64_t first, int64_t last) {
                          fill_image(strips + image * shape.x_floats(channels), channels, first, last, conv, shape);
                        });
}

Status regrid_strips(const float* value, const StripGrid& grid, const PanelRuns& runs, int64_t batch, int64_t channels,
                     const Conv2d& next, float* strips, int threads, const ParallelFor* parallel) {
  if (Status s = check_sizes(batch, channels, threads, parallel); !s) return s;
  if (Status s = check_value(grid, runs, next); !s) return s;
  const StripShape shape = strip_shape(next);
  return for_each_share(batch, channels, shape.x_positions(), threads, parallel,
                        [&](int64_t image, int64_t first, int64_t last) {
                          const int64_t position = runs.at(image * grid.positions());
                          const OldPositions old{.lines = value + (position * channels + first) * kPanelWidth,
                                                 .pitch = runs.run > 0 ? runs.pitch : grid.tile_w,
                                                 .channels = channels,
                                                 .grid_w = grid.grid_w};
                          regrid_image(old, last - first, grid, next, shape,
                                       strips + image * shape.x_floats(channels) + first * kPanelWidth);
                        });
}

}  // namespace sparsmith

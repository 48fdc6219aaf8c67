/// \file
/// How a kernel will compute its problem: the schedules that were considered, what they were thought and measured to
/// cost, which one was taken and why.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sparsmith/pattern.h"
#include "sparsmith/problem.h"
#include "sparsmith/result.h"
#include "sparsmith/target.h"

namespace sparsmith {

struct MachineCosts;  // calibrate.h

/// Straight-line code of more bytes than this is not planned: it would be fetched from memory call by call, and take
/// seconds to make. Larger patterns get the compact form. A schedule given by the caller may exceed it.
inline constexpr int64_t kMostStraightCodeBytes = int64_t{24} << 20;

/// The kernel families.
enum class Form : uint8_t {
  sparse,     ///< straight-line code for the pattern: one load per used row of X in a tile, one FMA per nonzero
  dense,      ///< a loop over all of K; zeros are multiplied
  vector,     ///< for one or few columns: 16 (AVX2: 8) rows a register, X looked up lane by lane
  depthwise,  ///< of convolutions with a channel a group: rows one after the other, over several panels at a time
  /// One small loop for any pattern: the nonzeros' columns are data beside their values, 6 bytes a nonzero together.
  compact,
};
const char* to_string(Form form);

/// How the code of a spatial convolution sees images; plain ones are packed so and unpacked, others must lie so.
enum class ImageLayout : uint8_t {
  strips,  ///< Layout::panel: the lanes are 16 tiles of an image
  planes,  ///< Layout::plane: the lanes are 16 positions in a row, across the rows of an image
  rows,    ///< Layout::row: the lanes are 16 neighbours within a row
};
inline constexpr int kImageLayouts = 3;
const char* to_string(ImageLayout layout);

/// Most columns a pass of the vector form computes.
inline constexpr int32_t kMostColumnsPerPass = 8;

/// Everything that code generation decides from. Equal schedules of equal patterns give equal code.
struct Schedule {
  Form form = Form::sparse;
  /// Most rows of Y held in registers at once; tiles are balanced below it. Vector form: rows of a function, a multiple
  /// of 16.
  int32_t tile_rows = 31;
  int32_t panels_per_pass = 1;  ///< panels (vector form: columns) a pass over a tile's code computes together
  /// Columns of W per block; 0: all. Of spatial convolutions a multiple of the taps; compact form: a divisor of the
  /// channels, times the taps of a row of the kernel.
  int64_t k_block = 0;
  int64_t n_block = 0;       ///< panels per block, the outermost loop; 0: all
  bool cluster_rows = true;  ///< rows with similar nonzeros share tiles
  bool prefetch_y = false;   ///< fetch a pass's lines of Y during the pass before it; for a panel-layout Y beyond L2
  bool direct_x = false;     ///< a plain X is read where it lies, at its run-time row stride, rather than packed first
  /// Within an n-block: this many tiles, whose code fits L1I together, run over inner_panels panels at a time, whose X
  /// fits L1, before the next tiles do. 0 and 0: each tile runs over all panels of the block by itself.
  int64_t tile_group = 0;
  int64_t inner_panels = 0;
  /// Vector form: windows of 16 columns of X begin at every so many columns: 4, 8 or 16. Smaller steps leave fewer
  /// lanes empty and copy X more often. 1: no windows; all columns are multiplied, zeros too, each X in all lanes.
  int32_t window_step = 16;
  /// Fetch the next tile's code and values, as data, when a call comes to a tile for the first time: for code that
  /// other layers push out of the caches between calls, which instruction fetch alone brings back at a third of the
  /// speed. Dense form: its loop asks for the next tile's values as it goes.
  bool prefetch_code = false;
  /// Columns of a panel that code computes at once, in registers of that width: 16, or only 8 or 4, one panel a pass,
  /// for calls and tails of so few (sparse and compact forms). Other columns of a panel take further calls of the code.
  /// Vector form: rows a register holds, 16 (AVX-512) or 8 (AVX2).
  int32_t lanes = 16;
  ImageLayout images = ImageLayout::strips;  ///< of spatial convolutions; a panel is then 16 positions in any layout
  /// Depthwise form on strips: rows of `row` positions that a pass computes. More than 1 where its panels are whole
  /// rows; else a pass's panels lie in one.
  int64_t rows_per_pass(int64_t row) const {
    const bool whole =
        form == Form::depthwise && images == ImageLayout::strips && tile_group == 0 && panels_per_pass % row == 0;
    return whole ? panels_per_pass / row : 1;
  }
  bool operator==(const Schedule&) const = default;
  std::string describe() const;  ///< tile rows x panels: "sparse 31x1, k 256, n all, clustered"
};

struct Candidate {
  Schedule schedule;
  double predicted_ns = 0;
  double measured_ns = 0;  ///< 0 when not measured
  int64_t code_bytes = 0;  ///< estimate until it was emitted
  std::string note;        ///< why it was kept or dropped, one clause
};

/// Code for calls of few columns, beside the code that serves all calls.
struct FewColumns {
  int64_t most_columns = 0;  ///< serves calls of at most so many
  Schedule schedule;
};

struct Plan {
  int64_t m = 0, k = 0, nnz = 0;
  int64_t n = 0;  ///< columns planned for
  std::string target;
  Schedule chosen;
  /// By most_columns, ascending: a call runs the first that serves it, `chosen` if none does.
  std::vector<FewColumns> few;
  /// At most so many columns left over by whole panels run what serves as many in `few`; more of them, a padded panel.
  int64_t tail_columns = 0;
  bool tuned = false;                 ///< chosen by measurement
  std::vector<Candidate> candidates;  ///< best first
  std::string reason;                 ///< one sentence
};

/// What a plan may know beyond the layer itself.
struct PlanOptions {
  /// Code and weights, in bytes, of all kernels that run between two calls of this one, this one's included. Where they
  /// are more than the caches hold, the layer's own are fetched anew by every call, which counts against large code. 0:
  /// the layer runs by itself and finds them cached.
  int64_t network_code_bytes = 0;
  const MachineCosts* machine = nullptr;  ///< measured costs (calibrate.h); null: built-in ones. Not owned.
  /// Calls' columns fill whole panels, as those of strips do: no code for few columns is planned beside. Other calls
  /// run all the same.
  bool whole_panels = false;
};

/// Plans from the cost model alone: 5 ms for 236,000 nonzeros. Always considers dense.
Result<Plan> make_plan(const Pattern& pattern, const Problem& problem, const Target& target,
                       const PlanOptions& options = {});

/// The plan as a table for people, and as JSON.
std::string explain(const Plan& plan);
std::string explain_json(const Plan& plan, int indent = 2);

}  // namespace sparsmith

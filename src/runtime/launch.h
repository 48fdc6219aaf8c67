/// \file
/// Runs generated code over a call's operands: blocks of panels, threads, packing of plain activations, tails.
#pragma once

#include <cstdint>
#include <span>

#include "artifact/image.h"
#include "runtime/operands.h"
#include "runtime/parallel.h"
#include "sparsmith/result.h"

namespace sparsmith {

/// How a segment is called; in tests, what stands in for generated code.
struct SegmentCaller {
  const void* context = nullptr;
  void (*call)(const void* context, const Segment& segment, bool single, const EntryArgs& args) = nullptr;
};

/// A kernel as the launcher sees it. Everything is borrowed.
struct Launch {
  int64_t m = 0, k = 0;
  bool accumulate = false;
  Schedule schedule;
  std::span<const Segment> segments;  ///< in the order they run
  int64_t tiles = 1;                  ///< Segment::tile is below it
  const float* values = nullptr;
  const uint8_t* indices = nullptr;  ///< KernelImage::indices
  std::span<const uint8_t> code;     ///< all segments', in their order; for prefetching, may be empty
  int64_t value_count = 0;           ///< floats at `values`; likewise
  int64_t work = 0;                  ///< multiply-accumulates of vectors per panel (of the vector form: per column)
  SegmentCaller caller;
  /// Code and values don't stay in L2: each segment's are fetched while the one before it runs, for every block of
  /// columns, which saves 8 % of a 512 x 4608 convolution at 7 x 7 and costs 4 % of what fits.
  bool beyond_l2 = false;
  Workers workers;  ///< used when threads > 1
  /// Work below which a thread isn't worth waking: some 5 us.
  int64_t min_work_per_thread = 20000;
};

/// Segment::tile's upper bound.
int64_t tile_count(std::span<const Segment> segments);

/// How many parts the tiles are divided into for `threads` threads. Tiles differ in weight; some more parts than
/// threads even that out.
int tile_parts(const Launch& kernel, int threads);

/// Of `threads` threads those worth waking for so many panels or columns of work, at least 1 and no more than there
/// are.
int useful_threads(const Launch& kernel, int64_t units, int threads);

/// Runs the kernel over checked operands on at most `threads` threads. The blocks are those of the schedule; every
/// element of Y is computed by the same operations in the same order however they are divided.
///
/// Inside another call of this thread (see call_depth) it stays on this thread.
///
/// Working memory belongs to the calling thread, grows to the largest call it has made (kMaxScratchBytes per thread of
/// the call, except that one panel always fits) and is freed with it. unsuitable: no memory; bad_input: the
/// application's hook left parts out.
Status launch(const Launch& kernel, const Operands& operands, int threads);

/// Packed panels kept at once by one thread; n-blocks are cut to this. Larger than any L2, so no useful block is cut.
inline constexpr int64_t kMaxScratchBytes = int64_t{32} << 20;

}  // namespace sparsmith

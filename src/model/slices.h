/// \file
/// A batch in slices whose activations stay in the second-level cache, where images have nothing to do with each other.
#pragma once

#include <cstdint>
#include <memory>

#include "model/session.h"

namespace sparsmith::model {

/// How a call is computed: as it is (`rest` alone), or in slices of so many images and the rest of them.
struct Slices {
  std::shared_ptr<const Session> slice, rest;  ///< null where there is none of the kind
  int64_t images = 0;                          ///< of a slice
  int64_t batch = 0;                           ///< all images; 0: as it is

  const Session& any() const { return slice ? *slice : *rest; }
};

/// Most inputs, and most outputs, of a call in slices, whose operands are listed on the stack.
inline constexpr size_t kMostSlicedOperands = 16;
/// Larger batches go as they are: what no memory holds is then refused as ever, rather than begun.
inline constexpr int64_t kMostSlicedImages = int64_t{1} << 20;

/// Images of a slice for sessions of one image that take so much memory: 1 to `batch`. It depends on nothing else, so
/// that results don't either.
int64_t images_per_slice(const ModelMemory& one, int64_t batch);

/// Whether the outputs of a session for `images` are those of `one` image, as often.
bool are_parts(const graph::Graph& graph, const Session& one, const Session& several, int64_t images);

/// Runs the call; its threads take slices where there are as many. args.step_ns gets sums.
Status run(const graph::Graph& graph, const Slices& slices, const ModelArgs& args);

}  // namespace sparsmith::model

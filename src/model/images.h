/// \file
/// Which pooling runs on strips.
#pragma once

#include <optional>

#include "model/step.h"

namespace sparsmith::model {

/// A pooling's windows as those of a convolution, which cuts its images alike.
struct PoolWindows {
  Conv2d conv;
  bool is_mean = false;     ///< AveragePool, else MaxPool
  bool count_pads = false;  ///< a mean divides by the padding's elements too
};

/// Nothing where the node isn't such a pooling, or strips can't serve it.
std::optional<PoolWindows> pool_windows(const graph::Graph& graph, const graph::Node& node, const ops::Type& input);

/// The convolution of a layer's node on images of its input's size; nothing where it isn't one of images, or beyond
/// what kernels do.
std::optional<Conv2d> convolution_of(const graph::Graph& graph, const graph::Node& node, const ops::Type& x,
                                     const ops::Type& weights);

/// Whether windows are single pixels that a value's interior has in their tiles: then it needs no copy.
bool pools_in_place(const Conv2d& conv, const Format& format);

}  // namespace sparsmith::model

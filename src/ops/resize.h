/// \file
/// What a Resize or Upsample does along each dimension.
#pragma once

#include <optional>
#include <vector>

#include "ops/node_view.h"
#include "ops/resize_axis.h"

namespace sparsmith::ops {

struct ResizePlan {
  std::vector<ResizeAxis> axes;           ///< of the input, outermost first
  std::vector<std::optional<Taps>> taps;  ///< likewise; none where element i comes from element i
  bool nearest = true;
};

/// What is wrong with the node is left in the view. Dimensions up to some million elements have taps.
ResizePlan plan_resize(NodeView& node);

}  // namespace sparsmith::ops

/// \file
/// The operators by name: each file of operators adds its own.
#pragma once

#include <map>
#include <string_view>

#include "ops/node_view.h"

namespace sparsmith::ops {

/// Makes an operator, or leaves its error in the view.
using Maker = std::unique_ptr<Operator> (*)(NodeView& node);
using Makers = std::map<std::string_view, Maker>;

void add_unary(Makers& makers);
void add_binary(Makers& makers);

}  // namespace sparsmith::ops

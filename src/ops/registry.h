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

void add_along_axis(Makers& makers);
/// Of layer.h's domain.
void add_attention(Makers& makers);
void add_binary(Makers& makers);
void add_cast(Makers& makers);
void add_convolution(Makers& makers);
/// Of the domain that layer.h describes, apart from ONNX's.
void add_layers(Makers& makers);
void add_normalization(Makers& makers);
void add_pad(Makers& makers);
void add_pooling(Makers& makers);
void add_products(Makers& makers);
void add_quantization(Makers& makers);
void add_rearrange(Makers& makers);
void add_reductions(Makers& makers);
void add_resize(Makers& makers);
void add_select(Makers& makers);
void add_shape(Makers& makers);
void add_softmax(Makers& makers);
void add_unary(Makers& makers);

}  // namespace sparsmith::ops

/// \file
/// The passes, in the order in which simplify() makes them. Each goes through the nodes once.
#pragma once

#include "passes/editor.h"

namespace sparsmith::passes {

/// What follows from constants, and from shapes that don't depend on the inputs', becomes constants.
void fold_constants(Editor& editor);
/// Identity, Dropout, and Cast, Reshape, Transpose, Pad, ... that change nothing.
void remove_copies(Editor& editor);
/// Clip(x + 3, 0, 6) / 6 to HardSigmoid, x * HardSigmoid(x) to HardSwish, x * Sigmoid(x) to Silu.
void recognise_swish(Editor& editor);
/// x / 2 * (1 + Erf(...)) and x / 2 * (1 + Tanh(...)) to Gelu.
void recognise_gelu(Editor& editor);
/// Mean, variance, division, scale and shift to LayerNormalization.
void recognise_layer_norm(Editor& editor);
/// Shapes of values whose sizes are known or one of the inputs', from that: who asks for a shape doesn't need the value.
void take_shapes_from_inputs(Editor& editor, const std::vector<graph::ValueId>& inputs);
/// Products of heads with a softmax between them, and the transpositions around, to Attention.
void recognise_attention(Editor& editor);
/// Conv, Gemm and MatMul with constant weights to layers, without anything behind them yet.
void make_layers(Editor& editor);
/// Pads of zeros into the convolutions and pools that they are for.
void merge_pads(Editor& editor);
/// BatchNormalization and arithmetic with constants of a channel into the weights and bias before them.
void fold_affine(Editor& editor);
/// Activations and residuals into the layers before them.
void fuse_epilogues(Editor& editor);

}  // namespace sparsmith::passes

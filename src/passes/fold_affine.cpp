#include <algorithm>
#include <cmath>

#include "ops/layer.h"
#include "passes/match.h"
#include "passes/steps.h"

namespace sparsmith::passes {

using graph::ElementType;
using graph::kNoValue;
using graph::Node;
using graph::Tensor;
using graph::ValueId;

namespace {

/// y = scale[c] * x + shift[c]
struct Affine {
  std::vector<double> scale, shift;
};

/// A product that can take it in: its weights, and which of them make channel c.
struct Target {
  size_t place = 0;
  int64_t channels = 0;
  size_t rank = 0;           ///< of its output, at least
  size_t axis_from_end = 0;  ///< of the channels
  int64_t groups = 0;        ///< of a ConvTranspose, whose weights are [C, M / groups, ...]; 0: weights are [M, ...]
};

std::optional<Target> target_of(const Editor& editor, ValueId y) {
  const auto place = editor.maker(y);
  if (!place) return std::nullopt;
  const Node& node = editor.node(*place);
  const bool ours = node.domain == ops::kLayerDomain, transposed = is(node, "ConvTranspose");
  const bool matmul = ours && node.op == "MatMul", conv = ours && node.op == "Conv";
  if (!matmul && !conv && !transposed) return std::nullopt;
  const Tensor* const weights = editor.constant(node.inputs[1]);
  const ValueId bias = input(node, 2);
  if (weights == nullptr || weights->type != ElementType::f32 || weights->size() == 0) return std::nullopt;
  if (bias != kNoValue && editor.constant(bias) == nullptr) return std::nullopt;
  if (ours && text(node, "activation", "none") != "none") return std::nullopt;
  if (input(node, ops::kLayerResidual) != kNoValue) return std::nullopt;
  Target target{*place, weights->shape[0], weights->shape.size(), weights->shape.size() - 2, 0};
  if (transposed) {
    target.groups = integer(node, "group", 1);
    target.channels = weights->shape[1] * target.groups;
  }
  if (matmul) {
    // A value of no example is what Gemm was split into, a matrix.
    const ops::Type* const type = editor.facts().example(y);
    target.rank = type == nullptr ? 2 : type->shape.size();
    target.axis_from_end = 0;
  }
  return target;
}

std::optional<Affine> batch_normalization(const Editor& editor, const Node& node, const Target& target) {
  // Its channels are the second dimension.
  if (target.rank < 2 || target.axis_from_end != target.rank - 2) return std::nullopt;
  std::array<std::span<const float>, 4> of;  // scale, shift, mean, variance
  for (size_t i = 0; i < of.size(); ++i) {
    const Tensor* const tensor = editor.constant(input(node, i + 1));
    if (tensor == nullptr || tensor->type != ElementType::f32 || tensor->size() != target.channels) return std::nullopt;
    of[i] = tensor->as<float>();
  }
  const double epsilon = double{number(node, "epsilon", 1e-5f)};
  Affine affine;
  for (size_t c = 0; c < of[0].size(); ++c) {
    affine.scale.push_back(double{of[0][c]} / std::sqrt(double{of[3][c]} + epsilon));
    affine.shift.push_back(double{of[1][c]} - double{of[2][c]} * affine.scale.back());
  }
  return affine;
}

/// Of arithmetic with a constant of each channel.
std::optional<Affine> arithmetic(const Editor& editor, const Node& node, ValueId x, const Target& target) {
  const auto other = other_operand(node, x);
  if (!other) return std::nullopt;
  const auto constants = per_channel(editor, *other, target.channels, target.rank, target.axis_from_end);
  if (!constants) return std::nullopt;
  const bool first = node.inputs[0] == x;
  if (node.op == "Div" && !first) return std::nullopt;
  const auto count = static_cast<size_t>(target.channels);
  Affine affine{std::vector(count, 1.0), std::vector(count, 0.0)};
  for (size_t c = 0; c < count; ++c) {
    const double constant = double{(*constants)[c]};
    if (node.op == "Mul") affine.scale[c] = constant;
    if (node.op == "Div") affine.scale[c] = 1 / constant;
    if (node.op == "Add") affine.shift[c] = constant;
    if (node.op == "Sub") affine.shift[c] = first ? -constant : constant;
    if (node.op == "Sub" && !first) affine.scale[c] = -1;
  }
  return affine;
}

/// Weights and bias times scale, plus shift; false where that leaves float32.
bool apply(const Affine& affine, const Target& target, Tensor& weights, Tensor& bias) {
  const auto w = weights.as<float>(), b = bias.as<float>();
  bool finite = true;
  const auto set = [&finite](float& to, double value) {
    to = static_cast<float>(value);
    finite = finite && std::isfinite(to);
  };
  const auto block = static_cast<size_t>(weights.size() / weights.shape[0]);  // of a first index
  for (int64_t i = 0; i < weights.shape[0]; ++i) {
    float* const row = w.data() + static_cast<size_t>(i) * block;
    if (target.groups == 0) {
      for (size_t k = 0; k < block; ++k) set(row[k], double{row[k]} * affine.scale[static_cast<size_t>(i)]);
      continue;
    }
    const int64_t of_group = weights.shape[1], group = i / (weights.shape[0] / target.groups);
    const size_t taps = block / static_cast<size_t>(of_group);
    for (size_t k = 0; k < block; ++k) {
      set(row[k], double{row[k]} * affine.scale[static_cast<size_t>(group * of_group) + k / taps]);
    }
  }
  for (size_t c = 0; c < b.size(); ++c) set(b[c], double{b[c]} * affine.scale[c] + affine.shift[c]);
  return finite;
}

bool absorb(Editor& editor, size_t place, ValueId x, const Target& target, const Affine& affine) {
  Node node = editor.node(target.place);
  const ValueId given = input(node, 2);
  const bool scales = std::any_of(affine.scale.begin(), affine.scale.end(), [](double s) { return s != 1; });
  const auto bytes = static_cast<int64_t>(editor.constant(node.inputs[1])->bytes.size());
  if (!editor.has_room((scales ? bytes : 0) + target.channels * int64_t{sizeof(float)})) return false;
  Tensor weights = *editor.constant(node.inputs[1]);
  Tensor bias = given != kNoValue ? *editor.constant(given) : Tensor::zeros(ElementType::f32, {target.channels});
  if (!apply(affine, target, weights, bias)) return false;
  if (scales) {
    const auto added = editor.add_constant(std::move(weights), node.inputs[1]);
    if (!added) return false;
    node.inputs[1] = *added;
  }
  const bool shifts = std::any_of(affine.shift.begin(), affine.shift.end(), [](double t) { return t != 0; });
  if (shifts || given != kNoValue) {
    const auto added = editor.add_constant(std::move(bias), given != kNoValue ? given : x);
    if (!added) return false;
    node.inputs.resize(std::max<size_t>(node.inputs.size(), 3), kNoValue);
    node.inputs[2] = *added;
  }
  node.outputs = {editor.node(place).outputs[0]};
  editor.erase(target.place);
  editor.put(place, std::move(node));
  return true;
}

void fold_at(Editor& editor, size_t place) {
  const Node& node = editor.node(place);
  const bool normalization = is(node, "BatchNormalization");
  constexpr std::array kArithmetic{"Mul", "Div", "Add", "Sub"};
  const bool known =
      node.domain.empty() && std::find(kArithmetic.begin(), kArithmetic.end(), node.op) != kArithmetic.end();
  if (!normalization && !known) return;
  for (const ValueId x : std::vector(node.inputs.begin(), node.inputs.begin() + (normalization ? 1 : 2))) {
    if (x == kNoValue || editor.only_reader(x) != place) continue;
    const auto target = target_of(editor, x);
    if (!target) continue;
    const auto affine =
        normalization ? batch_normalization(editor, node, *target) : arithmetic(editor, node, x, *target);
    if (affine && absorb(editor, place, x, *target, *affine)) return;
  }
}

}  // namespace

void fold_affine(Editor& editor) {
  for (size_t place = 0; place < editor.places(); ++place) {
    if (editor.used(place)) fold_at(editor, place);
  }
}

}  // namespace sparsmith::passes

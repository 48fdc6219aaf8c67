#include <algorithm>

#include "ops/layer.h"
#include "passes/match.h"
#include "passes/steps.h"

namespace sparsmith::passes {

using graph::kNoValue;
using graph::Node;
using graph::Tensor;
using graph::ValueId;

namespace {

/// (x - mean) / sqrt(variance + epsilon), and what follows it.
struct Norm {
  ValueId x = kNoValue;
  std::vector<int64_t> axes;
  double epsilon = 0;
  std::vector<size_t> nodes;  ///< all but the last
  size_t last = 0;
};

/// The mean that a ReduceMean with dimensions kept is of, and its axes, counted from the front.
std::optional<ValueId> mean_of(const Editor& editor, ValueId id, Norm& norm) {
  const auto place = editor.maker(id, "ReduceMean");
  if (!place) return std::nullopt;
  const Node& node = editor.node(*place);
  const ops::Type* const type = editor.facts().example(node.inputs[0]);
  if (type == nullptr || integer(node, "keepdims", 1) == 0) return std::nullopt;
  auto axes = editor.opset() < 18 ? std::optional(integers(node, "axes")) : constant_integers(editor, input(node, 1));
  if (!axes || axes->empty()) return std::nullopt;
  for (int64_t& axis : *axes) axis += axis < 0 ? static_cast<int64_t>(type->shape.size()) : 0;
  std::sort(axes->begin(), axes->end());
  if (!norm.axes.empty() && norm.axes != *axes) return std::nullopt;
  norm.axes = *axes;
  norm.nodes.push_back(*place);
  return node.inputs[0];
}

/// x - mean(x)
std::optional<ValueId> centred(const Editor& editor, ValueId id, Norm& norm) {
  const auto sub = editor.maker(id, "Sub");
  if (!sub) return std::nullopt;
  norm.nodes.push_back(*sub);
  const auto x = mean_of(editor, editor.node(*sub).inputs[1], norm);
  return x && *x == editor.node(*sub).inputs[0] ? x : std::nullopt;
}

/// What a value is the square of.
std::optional<ValueId> root_of(const Editor& editor, ValueId id, Norm& norm) {
  if (const auto pow = editor.maker(id, "Pow")) {
    norm.nodes.push_back(*pow);
    return beside_scalar(editor, editor.node(*pow), 2);
  }
  const auto mul = editor.maker(id, "Mul");
  if (!mul || editor.node(*mul).inputs[0] != editor.node(*mul).inputs[1]) return std::nullopt;
  norm.nodes.push_back(*mul);
  return editor.node(*mul).inputs[0];
}

/// sqrt(mean(centred squares) + epsilon), which makes norm.epsilon and says what was centred.
std::optional<ValueId> deviation_of(const Editor& editor, ValueId id, Norm& norm) {
  const auto sqrt = editor.maker(id, "Sqrt");
  const auto add = sqrt ? editor.maker(editor.node(*sqrt).inputs[0], "Add") : std::nullopt;
  if (!add) return std::nullopt;
  norm.nodes.insert(norm.nodes.end(), {*sqrt, *add});
  const std::vector<ValueId>& terms = editor.node(*add).inputs;
  for (const size_t i : {size_t{0}, size_t{1}}) {
    const auto epsilon = scalar(editor, terms[i]);
    if (!epsilon || !(*epsilon >= 0)) continue;
    norm.epsilon = *epsilon;
    const auto squares = mean_of(editor, terms[1 - i], norm);
    const auto root = squares ? root_of(editor, *squares, norm) : std::nullopt;
    return root ? centred(editor, *root, norm) : std::nullopt;
  }
  return std::nullopt;
}

/// The division that ends at `place`: by the deviation, or times its reciprocal.
std::optional<Norm> norm_at(const Editor& editor, size_t place) {
  const Node& node = editor.node(place);
  for (const size_t i : {size_t{0}, size_t{1}}) {
    Norm norm;
    norm.last = place;
    ValueId divisor = node.inputs[1 - i];
    if (is(node, "Div") && i == 1) break;
    if (is(node, "Mul")) {
      auto inverse = editor.maker(divisor, "Reciprocal");
      if (!inverse) {
        inverse = editor.maker(divisor, "Div");
        if (inverse && !is_scalar(editor, editor.node(*inverse).inputs[0], 1)) inverse.reset();
      }
      if (!inverse) continue;
      norm.nodes.push_back(*inverse);
      divisor = editor.node(*inverse).inputs.back();
    }
    // Before the numerator, so that axes are those of the variance; both must agree.
    const auto below = deviation_of(editor, divisor, norm);
    const auto above = below ? centred(editor, node.inputs[i], norm) : std::nullopt;
    if (!above || *above != *below) continue;
    norm.x = *above;
    std::sort(norm.nodes.begin(), norm.nodes.end());
    norm.nodes.erase(std::unique(norm.nodes.begin(), norm.nodes.end()), norm.nodes.end());
    return norm;
  }
  return std::nullopt;
}

/// A constant that stretches along x's rows as one of their shape; none if it differs from row to row.
std::optional<Tensor> along_rows(const Editor& editor, ValueId id, const std::vector<int64_t>& row, size_t rank) {
  const Tensor* const tensor = editor.constant(id);
  if (tensor == nullptr || tensor->type != graph::ElementType::f32 || tensor->shape.size() > rank) return std::nullopt;
  const bool single = tensor->size() == 1;
  std::vector<int64_t> shape = tensor->shape;
  while (shape.size() > row.size() && shape.front() == 1) shape.erase(shape.begin());
  if (!single && shape != row) return std::nullopt;
  Tensor result{tensor->type, row, tensor->bytes};
  if (single) {
    const float value = tensor->as<float>()[0];
    result = Tensor::zeros(tensor->type, row);
    std::fill(result.as<float>().begin(), result.as<float>().end(), value);
  }
  return result;
}

/// The node behind `place`, if it is all that reads its output and is of that operator; also its other operand.
std::optional<std::pair<size_t, ValueId>> follower(const Editor& editor, size_t place, std::string_view op) {
  const ValueId y = editor.node(place).outputs[0];
  const auto next = editor.only_reader(y);
  if (!next || !is(editor.node(*next), op)) return std::nullopt;
  const auto other = other_operand(editor.node(*next), y);
  return other ? std::optional(std::pair{*next, *other}) : std::nullopt;
}

void layer_norm_at(Editor& editor, size_t place) {
  auto norm = norm_at(editor, place);
  if (!norm || !is_closed(editor, norm->nodes, place)) return;
  const auto shape = editor.facts().shape(norm->x);
  if (!shape || !editor.facts().same_shape(norm->x, editor.node(place).outputs[0])) return;
  const size_t rank = shape->size(), axis = static_cast<size_t>(norm->axes[0]);
  if (norm->axes.size() != rank - axis) return;  // not the last ones, all of them
  const std::vector<int64_t> row(shape->begin() + static_cast<std::ptrdiff_t>(axis), shape->end());
  int64_t elements = 1;
  for (const int64_t size : row) elements = size < 1 ? -1 : elements < 0 ? -1 : elements * size;
  // A scale and a shift are made where there is none or one number for all.
  if (elements < 0 || !editor.has_room(2 * elements * graph::size_of(graph::ElementType::f32))) return;

  std::optional<Tensor> scale, shift;
  ValueId scale_like = norm->x, shift_like = norm->x;
  if (const auto next = follower(editor, norm->last, "Mul")) {
    scale = along_rows(editor, next->second, row, rank);
    if (scale) {
      scale_like = next->second;
      norm->nodes.push_back(norm->last);
      norm->last = next->first;
    }
  }
  if (const auto next = follower(editor, norm->last, "Add")) {
    shift = along_rows(editor, next->second, row, rank);
    if (shift) {
      shift_like = next->second;
      norm->nodes.push_back(norm->last);
      norm->last = next->first;
    }
  }
  if (!scale) {
    scale = Tensor::zeros(graph::ElementType::f32, row);
    std::fill(scale->as<float>().begin(), scale->as<float>().end(), 1.0f);
  }
  Node node;
  node.domain = ops::kLayerDomain;
  node.op = "LayerNormalization";
  node.inputs = {norm->x};
  node.attributes = {{"axis", static_cast<int64_t>(axis)}, {"epsilon", static_cast<float>(norm->epsilon)}};
  const auto scales = editor.add_constant(std::move(*scale), scale_like);
  if (!scales) return;
  node.inputs.push_back(*scales);
  if (shift) {
    const auto shifts = editor.add_constant(std::move(*shift), shift_like);
    if (!shifts) return;
    node.inputs.push_back(*shifts);
  }
  replace(editor, norm->nodes, norm->last, std::move(node));
}

}  // namespace

void recognise_layer_norm(Editor& editor) {
  for (size_t place = 0; place < editor.places(); ++place) {
    if (is(editor.node(place), "Div") || is(editor.node(place), "Mul")) layer_norm_at(editor, place);
  }
}

}  // namespace sparsmith::passes

#include "lower/batch.h"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include "ops/evaluator.h"
#include "ops/node_view.h"

namespace sparsmith::lower {
namespace {

using graph::kNoValue;
using graph::Node;
using graph::ValueId;

/// Element by element, constants broadcast.
const std::set<std::string_view> kElementwise = {"Abs",
                                                 "Add",
                                                 "And",
                                                 "Cast",
                                                 "Ceil",
                                                 "Clip",
                                                 "Div",
                                                 "Elu",
                                                 "Equal",
                                                 "Erf",
                                                 "Exp",
                                                 "Floor",
                                                 "Gelu",
                                                 "Greater",
                                                 "HardSigmoid",
                                                 "HardSwish",
                                                 "Identity",
                                                 "LeakyRelu",
                                                 "Less",
                                                 "Log",
                                                 "Max",
                                                 "Min",
                                                 "Mul",
                                                 "Neg",
                                                 "Not",
                                                 "Or",
                                                 "PRelu",
                                                 "Pow",
                                                 "Reciprocal",
                                                 "Relu",
                                                 "Round",
                                                 "Sigmoid",
                                                 "Silu",
                                                 "Softplus",
                                                 "Sqrt",
                                                 "Sub",
                                                 "Tanh",
                                                 "Where",
                                                 "LessOrEqual",
                                                 "GreaterOrEqual",
                                                 "QuantizeLinear",
                                                 "DequantizeLinear"};
/// Image by image, or on memory as it lies. Whether the first dimension stays what it was, shapes tell.
const std::set<std::string_view> kByImage = {"Attention",
                                             "AveragePool",
                                             "BatchNormalization",
                                             "Conv",
                                             "ConvTranspose",
                                             "DepthToSpace",
                                             "Expand",
                                             "Flatten",
                                             "GlobalAveragePool",
                                             "GlobalMaxPool",
                                             "InstanceNormalization",
                                             "MaxPool",
                                             "Pad",
                                             "Reshape",
                                             "Resize",
                                             "SpaceToDepth",
                                             "Squeeze",
                                             "Unsqueeze"};
/// Along an axis, by default this one.
struct AlongAxis {
  std::string_view op;
  int64_t axis;
};
constexpr AlongAxis kAlongAxis[] = {{"ArgMax", 0},      {"ArgMin", 0},   {"Concat", 0}, {"LayerNormalization", -1},
                                    {"LogSoftmax", -1}, {"Softmax", -1}, {"Split", 0},  {"TopK", -1}};

/// Compares what a graph is for one image with what it is for two.
class Parts {
 public:
  Parts(const graph::Graph& graph, const ops::Evaluator& one, const ops::Evaluator& two)
      : graph_(graph), one_(one), two_(two) {}

  bool stay_apart() const {
    for (const ValueId id : graph_.inputs) {
      if (!is_parted(id) || one_.type(id).shape[0] != 1) return false;
    }
    for (size_t n = 0; n < graph_.nodes.size(); ++n) {
      if (one_.op(n) == nullptr && two_.op(n) == nullptr) continue;  // folded: constants and sizes
      if (one_.op(n) == nullptr || two_.op(n) == nullptr || !stays_apart(graph_.nodes[n])) return false;
    }
    return std::all_of(graph_.outputs.begin(), graph_.outputs.end(), [&](ValueId id) { return is_parted(id); });
  }

 private:
  bool is_constant(ValueId id) const { return one_.type(id).constant != nullptr || given(id); }
  /// A weight.
  bool given(ValueId id) const { return graph_.values[static_cast<size_t>(id)].constant != nullptr; }
  /// The same for one image and for two; what follows from the size of the batch isn't.
  bool is_same(ValueId id) const {
    if (given(id)) return true;
    const ops::Type &a = one_.type(id), &b = two_.type(id);
    return a.constant != nullptr && b.constant != nullptr && a.shape == b.shape &&
           std::ranges::equal(a.constant->bytes, b.constant->bytes);
  }
  /// Twice as long for two images.
  bool is_parted(ValueId id) const {
    const auto &a = one_.type(id).shape, &b = two_.type(id).shape;
    return !is_constant(id) && !a.empty() && a.size() == b.size() && b[0] == 2 * a[0] &&
           std::equal(a.begin() + 1, a.end(), b.begin() + 1);
  }
  const std::vector<int64_t>& shape(ValueId id) const { return one_.type(id).shape; }

  bool stays_apart(const Node& node) const {
    for (const ValueId id : node.outputs) {
      if (id != kNoValue && !is_parted(id)) return false;
    }
    // Sizes that depend on the batch may say what shape something gets, and nothing else.
    const bool shapes = node.domain.empty() && (node.op == "Reshape" || node.op == "Expand");
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const ValueId id = node.inputs[i];
      if (id == kNoValue || is_parted(id) || is_same(id)) continue;
      if (!shapes || i != 1 || !is_constant(id)) return false;
    }
    std::vector<std::optional<ops::Type>> types;
    for (const ValueId id : node.inputs) types.push_back(id == kNoValue ? std::nullopt : std::optional(one_.type(id)));
    ops::NodeView view(graph_, node, types);
    if (kElementwise.contains(node.op)) return broadcasts_constants(node);
    if (kByImage.contains(node.op)) {
      // A pooling's second output counts elements through the whole batch.
      const bool alone =
          std::all_of(node.outputs.begin() + 1, node.outputs.end(), [](ValueId id) { return id == kNoValue; });
      return alone && is_parted(node.inputs[0]) && broadcasts_constants_behind(node);
    }
    if (node.op == "MatMul") return multiplies_apart(node);
    if (node.op == "Transpose") {
      const auto order = view.integers("perm", {});
      return !order.empty() && order[0] == 0;
    }
    if (node.op == "Gather") {
      const int64_t axis = view.integer("axis", 0);
      return is_parted(node.inputs[0]) ? axis > 0 && is_same(node.inputs[1]) : axis == 0;
    }
    if (node.op == "Slice") return node.inputs.size() < 5 || !runs_backward(node.inputs[4]);
    if (node.op == "ReduceMean" || node.op == "ReduceSum" || node.op == "ReduceMax") return reduces_apart(node, view);
    const auto along = std::ranges::find(kAlongAxis, std::string_view(node.op), &AlongAxis::op);
    if (along == std::end(kAlongAxis)) return false;
    const auto rank = static_cast<int64_t>(shape(node.inputs[0]).size());
    const int64_t axis = view.integer("axis", along->axis);
    const bool all = node.op != "Concat" || std::ranges::all_of(node.inputs, [&](ValueId id) { return is_parted(id); });
    return all && axis != 0 && axis != -rank && is_parted(node.inputs[0]);
  }

  /// Constants don't reach along the first dimension, and everything else has it.
  bool broadcasts_constants(const Node& node) const {
    const size_t rank = shape(node.outputs[0]).size();
    return std::ranges::all_of(node.inputs, [&](ValueId id) {
      if (id == kNoValue) return true;
      const auto& own = shape(id);
      return is_parted(id) ? own.size() == rank && own[0] == shape(node.outputs[0])[0]
                           : own.size() < rank || own[0] == 1;
    });
  }
  /// An attention's mask is added as any operand is; other operators' constants are no images.
  bool broadcasts_constants_behind(const Node& node) const {
    if (node.op != "Attention" || node.inputs.size() < 4 || node.inputs[3] == kNoValue) return true;
    const auto& mask = shape(node.inputs[3]);
    return is_parted(node.inputs[3]) ? mask.size() == 4 : mask.size() < 4 || mask[0] == 1;
  }
  bool multiplies_apart(const Node& node) const {
    if (!node.domain.empty()) return is_parted(node.inputs[0]);  // a layer
    const ValueId a = node.inputs[0], b = node.inputs[1];
    const size_t rank = shape(a).size();
    if (is_parted(a) && is_parted(b)) return rank >= 3 && shape(b).size() == rank && shape(a)[0] == shape(b)[0];
    return is_parted(a) && rank >= 2 && (shape(b).size() <= 2 || (shape(b).size() <= rank && shape(b)[0] == 1));
  }
  bool runs_backward(ValueId steps) const {
    const graph::Tensor* const constant = one_.type(steps).constant;
    if (constant == nullptr || constant->type != ElementType::i64) return true;
    return std::ranges::any_of(constant->as<int64_t>(), [](int64_t step) { return step < 0; });
  }
  bool reduces_apart(const Node& node, ops::NodeView& view) const {
    const auto rank = static_cast<int64_t>(shape(node.inputs[0]).size());
    std::vector<int64_t> axes = view.integers("axes", {});
    if (node.inputs.size() > 1 && node.inputs[1] != kNoValue) {
      const graph::Tensor* const constant = one_.type(node.inputs[1]).constant;
      if (constant == nullptr || constant->type != ElementType::i64) return false;
      axes.assign(constant->as<int64_t>().begin(), constant->as<int64_t>().end());
    }
    return !axes.empty() && std::ranges::none_of(axes, [&](int64_t axis) { return axis == 0 || axis == -rank; });
  }

  const graph::Graph& graph_;
  const ops::Evaluator &one_, &two_;
};

}  // namespace

bool keeps_images_apart(const graph::Graph& graph) {
  auto shapes = ops::declared_shapes(graph, 2);
  if (!shapes) return false;
  for (size_t i = 0; i < graph.inputs.size(); ++i) {
    const graph::Shape& declared = *graph.values[static_cast<size_t>(graph.inputs[i])].shape;
    // What else is open is the length of a text: any, as long as it is neither of the two batches'.
    for (size_t d = 1; d < declared.size(); ++d) {
      if (declared[d].size < 0) (*shapes)[i][d] = 128;
    }
    if (declared.empty() || declared[0].size >= 0) return false;
  }
  const auto two = ops::Evaluator::create(graph, *shapes);
  for (auto& shape : *shapes) shape[0] = 1;
  const auto one = ops::Evaluator::create(graph, *shapes);
  return one && two && Parts(graph, *one, *two).stay_apart();
}

}  // namespace sparsmith::lower

#include "model/blocked.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "model/rows.h"
#include "sparsmith/panel.h"

namespace sparsmith::model {
namespace {

using Kind = Format::Kind;
constexpr int64_t kChannelAxis = 2;  // of the blocked shape

constexpr std::array<std::string_view, 26> kUnary = {"Abs",       "Ceil",     "Clip", "Elu",         "Erf",
                                                     "Exp",       "Floor",    "Gelu", "HardSigmoid", "HardSwish",
                                                     "LeakyRelu", "Log",      "Mish", "Neg",         "Reciprocal",
                                                     "Relu",      "Round",    "Selu", "Sigmoid",     "Silu",
                                                     "Softplus",  "Softsign", "Sqrt", "Tanh",        "ThresholdedRelu",
                                                     "Celu"};
constexpr std::array<std::string_view, 8> kBroadcasting = {"Add", "Sub", "Mul", "Div", "Pow", "Min", "Max", "PRelu"};

bool among(std::span<const std::string_view> names, const std::string& op) {
  return std::find(names.begin(), names.end(), op) != names.end();
}

/// The axis of the value that lies along the blocked shape's channels: 1 of images, the last of rows.
int64_t channel_axis(const Format& format, const ops::Type& type) {
  return format.kind == Kind::grid ? 1 : static_cast<int64_t>(type.shape.size()) - 1;
}

/// The shape as which a blocked value is computed on.
std::vector<int64_t> blocked_shape(const Format& format, const ops::Type& type) {
  if (format.kind == Kind::grid) return {type.shape[0], format.grid.positions(), type.shape[1], kPanelWidth};
  return {1, panel_count(rows_of(type)), last_of(type), kPanelWidth};
}

/// A plain operand that is broadcast to a blocked one: only the batch and the channels of it may be more than one.
std::optional<std::vector<int64_t>> broadcast_shape(const Format& format, const ops::Type& operand,
                                                    const ops::Type& value) {
  const size_t rank = value.shape.size();
  if (operand.shape.size() > rank) return std::nullopt;
  std::vector<int64_t> blocked{1, 1, 1, 1};
  const int64_t channels = channel_axis(format, value);
  for (size_t i = 0; i < operand.shape.size(); ++i) {
    const auto axis = static_cast<int64_t>(rank - operand.shape.size() + i);
    const int64_t size = operand.shape[i];
    if (axis == channels) {
      blocked[kChannelAxis] = size;
    } else if (axis == 0 && format.kind == Kind::grid) {
      blocked[0] = size;
    } else if (size != 1) {
      return std::nullopt;
    }
  }
  return blocked;
}

bool has_axis(const graph::Node& node, int64_t wanted, size_t rank, int64_t otherwise) {
  const auto found = node.attributes.find("axis");
  const int64_t* const given = found == node.attributes.end() ? &otherwise : std::get_if<int64_t>(&found->second);
  return given != nullptr && (*given < 0 ? *given + static_cast<int64_t>(rank) : *given) == wanted;
}

class BlockedStep final : public Step {
 public:
  BlockedStep(std::unique_ptr<ops::Operator> made, const Work& work)
      : operator_(std::move(made)), inputs_(work.inputs), outputs_(work.outputs) {}
  Status run(const Call& call) const override {
    std::array<const void*, kMost> inputs{};
    std::array<void*, kMost> outputs{};
    for (size_t i = 0; i < inputs_.size(); ++i) inputs[i] = call.at<const void>(inputs_[i]);
    for (size_t i = 0; i < outputs_.size(); ++i) outputs[i] = call.at<void>(outputs_[i]);
    operator_->run({inputs.data(), inputs_.size()}, {outputs.data(), outputs_.size()});
    return success();
  }
  static constexpr size_t kMost = 16;

 private:
  std::unique_ptr<ops::Operator> operator_;
  std::vector<int32_t> inputs_, outputs_;
};

}  // namespace

std::optional<std::vector<Format>> blocked_formats(const graph::Graph& graph, const graph::Node& node,
                                                   std::span<const std::optional<ops::Type>> inputs,
                                                   std::span<const ops::Type> outputs, const Format& first) {
  if (first.kind != Kind::grid && first.kind != Kind::panels) return std::nullopt;
  if (inputs.empty() || !inputs[0] || outputs.empty() || inputs.size() > BlockedStep::kMost) return std::nullopt;
  if (outputs.size() > BlockedStep::kMost) return std::nullopt;
  if (first.kind == Kind::panels) {
    if (auto formats = row_formats(graph, node, inputs, outputs)) return formats;
  }
  const ops::Type& value = *inputs[0];
  std::vector<Format> formats(inputs.size(), Format::of(Kind::plain));
  formats[0] = first;
  const auto is_full = [&](const ops::Type& type) { return type.shape == value.shape; };
  for (const auto& input : inputs) {
    if (input && input->element != ElementType::f32) return std::nullopt;
  }
  for (const ops::Type& output : outputs) {
    if (output.element != ElementType::f32) return std::nullopt;
  }
  if (among(kUnary, node.op)) {
    for (size_t i = 1; i < inputs.size(); ++i) {
      if (inputs[i] && inputs[i]->size() != 1) return std::nullopt;
    }
    return formats;
  }
  if (among(kBroadcasting, node.op)) {
    if (!is_full(outputs[0])) return std::nullopt;
    for (size_t i = 1; i < inputs.size(); ++i) {
      if (!inputs[i]) return std::nullopt;
      if (inputs[i]->constant == nullptr && is_full(*inputs[i])) {
        formats[i] = first;
      } else if (!broadcast_shape(first, *inputs[i], value)) {
        return std::nullopt;
      }
    }
    return formats;
  }
  const size_t rank = value.shape.size();
  const bool along_channels = has_axis(node, channel_axis(first, value), rank, node.op == "Split" ? 0 : INT64_MIN);
  if (node.op == "Concat" && along_channels && first.kind == Kind::panels) {
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (!inputs[i] || inputs[i]->constant != nullptr) return std::nullopt;
      formats[i] = first;
    }
    return formats;
  }
  if (node.op == "Split" && along_channels) return formats;
  if (node.op == "Softmax" && first.kind == Kind::panels && graph.opset >= 13 &&
      has_axis(node, channel_axis(first, value), rank, -1)) {
    return formats;
  }
  return std::nullopt;
}

Result<std::unique_ptr<Step>> make_blocked_step(const StepSource& source) {
  const graph::Node& node = source.node();
  std::vector<std::optional<ops::Type>> inputs;
  std::vector<ops::Type> outputs;
  for (const graph::ValueId id : node.inputs) {
    inputs.push_back(id == graph::kNoValue ? std::nullopt : std::optional(source.type_of(id)));
  }
  for (const graph::ValueId id : node.outputs) {
    if (id == graph::kNoValue) return source.wrong("can't run on strips without all of its outputs");
    outputs.push_back(source.type_of(id));
  }
  const Error unfit = source.wrong("can't run on its values as they lie");
  if (source.work.inputs.empty() || source.work.inputs[0] == Work::kNone) return unfit;
  const Format first = source.input(0).format;
  const auto formats = blocked_formats(source.graph, node, inputs, outputs, first);
  if (!formats || source.work.inputs.size() != inputs.size() || source.work.outputs.size() != outputs.size()) {
    return unfit;
  }
  if (first.kind == Kind::panels && row_formats(source.graph, node, inputs, outputs)) return make_row_step(source);
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i] != (source.work.inputs[i] == Work::kNone)) return unfit;
    if (!inputs[i]) continue;
    const Buffer& buffer = source.input(i);
    if (buffer.value != node.inputs[i] || !(buffer.format == (*formats)[i])) return unfit;
    // Blocked buffers must be possible; a Split's or Concat's parts have channels of their own.
    if (const auto bytes = bytes_of(buffer.format, *inputs[i]); !bytes) return bytes.error();
    inputs[i]->shape = buffer.format.kind != Kind::plain
                           ? blocked_shape(first, *inputs[i])
                           : broadcast_shape(first, *inputs[i], source.type(source.input(0)))
                                 .value_or(std::vector<int64_t>(inputs[i]->shape));
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    const Buffer& buffer = source.output(i);
    if (buffer.value != node.outputs[i] || !(buffer.format == first) || buffer.is_part()) return unfit;
    if (const auto bytes = bytes_of(first, outputs[i]); !bytes) return bytes.error();
  }
  graph::Node on_blocks = node;
  if (node.attributes.contains("axis") || node.op == "Softmax") on_blocks.attributes["axis"] = kChannelAxis;
  auto made = ops::make(source.graph, on_blocks, inputs);
  if (!made) return made.error();
  for (size_t i = 0; i < outputs.size(); ++i) {
    if ((*made)->outputs()[i].shape != blocked_shape(first, outputs[i])) return unfit;
  }
  return std::unique_ptr<Step>(std::make_unique<BlockedStep>(std::move(*made), source.work));
}

}  // namespace sparsmith::model

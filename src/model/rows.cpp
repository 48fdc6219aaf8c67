#include "model/rows.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "model/row_math.h"
#include "ops/layer.h"
#include "ops/node_view.h"
#include "runtime/parallel.h"
#include "sparsmith/panel.h"

namespace sparsmith::model {
namespace {

using Kind = Format::Kind;
using Types = std::span<const std::optional<ops::Type>>;

/// Floats that a thread goes through at least, so that it is worth waking: some 5 us.
constexpr int64_t kFloatsPerThread = 1 << 15;

/// body(i) for i in [0, count), divided among threads; `floats`: what one of them is about.
template <class Body>
Status divide(const Call& call, int64_t count, int64_t floats, const Body& body) {
  const CallScope inside;
  Workers workers;
  workers.hook = call.parallel;
  if (call.threads > 1 && call.parallel == nullptr) workers.pool = &process_pool();
  const int64_t useful = floats >= kFloatsPerThread ? count : std::min(count, 1 + count * floats / kFloatsPerThread);
  const auto threads = static_cast<int>(std::min<int64_t>(std::max(workers.available(call.threads), 1), useful));
  return workers.run(threads, threads, [&](int part) {
    for (int64_t i = count * part / threads; i < count * (part + 1) / threads; ++i) body(i);
  });
}

class NormStep final : public Step {
 public:
  NormStep(const StepSource& source, float epsilon)
      : inputs_(source.work.inputs),
        output_(source.work.outputs[0]),
        panels_(panel_count(rows_of(source.type(source.input(0))))),
        channels_(last_of(source.type(source.input(0)))),
        epsilon_(epsilon) {}
  Status run(const Call& call) const override {
    const auto *const x = call.at<const float>(inputs_[0]), *const scales = call.at<const float>(inputs_[1]);
    const float* const shifts = inputs_.size() > 2 ? call.at<const float>(inputs_[2]) : nullptr;
    auto* const y = call.at<float>(output_);
    const int64_t floats = channels_ * kPanelWidth;
    if (panels_ * floats == 0) return success();
    return divide(call, panels_, floats, [&](int64_t panel) {
      row_math().normalise(x + panel * floats, channels_, scales, shifts, epsilon_, y + panel * floats);
    });
  }

 private:
  std::vector<int32_t> inputs_;
  int32_t output_;
  int64_t panels_, channels_;
  float epsilon_;
};

class AttentionStep final : public Step {
 public:
  AttentionStep(const StepSource& source, const ops::AttentionShape& shape)
      : inputs_(source.work.inputs), output_(source.work.outputs[0]), shape_(shape) {}
  Status run(const Call& call) const override {
    const int64_t outputs = panel_floats(shape_.heads * shape_.width, shape_.batch * shape_.queries);
    if (shape_.keys == 0) std::fill_n(call.at<float>(output_), outputs, 0.0f);
    if (outputs == 0 || shape_.keys == 0) return success();
    const int64_t scores = std::min(shape_.queries, kFloatsPerThread) * std::min(shape_.keys, kFloatsPerThread);
    return divide(call, shape_.batch * shape_.heads, scores,
                  [&](int64_t i) { row_math().attend(head(call, i / shape_.heads, i % shape_.heads)); });
  }

 private:
  HeadRows head(const Call& call, int64_t batch, int64_t head) const {
    HeadRows rows;
    rows.q = call.at<const float>(inputs_[0]) + head * shape_.depth * kPanelWidth;
    rows.k = call.at<const float>(inputs_[1]) + head * shape_.depth * kPanelWidth;
    rows.v = call.at<const float>(inputs_[2]) + head * shape_.width * kPanelWidth;
    rows.y = call.at<float>(output_) + head * shape_.width * kPanelWidth;
    rows.q_panel = rows.k_panel = shape_.heads * shape_.depth * kPanelWidth;
    rows.v_panel = rows.y_panel = shape_.heads * shape_.width * kPanelWidth;
    rows.depth = shape_.depth;
    rows.width = shape_.width;
    rows.first_query = batch * shape_.queries;
    rows.queries = shape_.queries;
    rows.first_key = batch * shape_.keys;
    rows.keys = shape_.keys;
    rows.scale = shape_.scale;
    rows.last = batch + 1 == shape_.batch;
    if (inputs_.size() > 3 && inputs_[3] != Work::kNone) {
      rows.mask = call.at<const float>(inputs_[3]) + shape_.mask_at(batch, head, 0, 0);
      rows.mask_query = shape_.mask[2];
      rows.mask_key = shape_.mask[3];
    }
    return rows;
  }

  std::vector<int32_t> inputs_;
  int32_t output_;
  ops::AttentionShape shape_;
};

/// Of rows that are arranged in other dimensions.
class ViewStep final : public Step {
 public:
  ViewStep(const StepSource& source, int64_t bytes)
      : input_(source.work.inputs[0]), output_(source.work.outputs[0]), bytes_(bytes) {}
  Status run(const Call& call) const override {
    if (bytes_ > 0) std::memcpy(call.at<void>(output_), call.at<const void>(input_), static_cast<size_t>(bytes_));
    return success();
  }

 private:
  int32_t input_, output_;
  int64_t bytes_;
};

bool is_attention(const graph::Node& node) { return node.domain == ops::kLayerDomain && node.op == "Attention"; }

/// A scale or shift with one float for each element of a row.
bool is_row(const ops::Type& type, int64_t channels) {
  return type.element == ElementType::f32 && type.size() == channels && last_of(type) == channels;
}

}  // namespace

bool is_view(const graph::Node& node) {
  constexpr std::array<std::string_view, 6> kViews = {"Reshape",   "Flatten",  "Squeeze",
                                                      "Unsqueeze", "Identity", "Dropout"};
  return node.domain.empty() && std::find(kViews.begin(), kViews.end(), node.op) != kViews.end();
}

std::optional<std::vector<Format>> row_formats(const graph::Graph& graph, const graph::Node& node, Types inputs,
                                               std::span<const ops::Type> outputs) {
  if (inputs.empty() || !inputs[0] || inputs[0]->shape.empty() || outputs.size() != 1) return std::nullopt;
  std::vector<Format> formats(inputs.size(), Format::of(Kind::plain));
  formats[0] = Format::of(Kind::panels);
  ops::NodeView view(graph, node, inputs);
  if (is_attention(node)) {
    const ops::AttentionShape shape = ops::attention_shape(view);
    if (!view.ok() || shape.width > RowMath::kMostWidth) return std::nullopt;
    formats[1] = formats[2] = formats[0];
    return formats;
  }
  if (is_view(node)) {
    const ops::Type &x = *inputs[0], &y = outputs[0];
    const bool rows = x.element == ElementType::f32 && !y.shape.empty() && last_of(x) == last_of(y);
    return rows && x.size() == y.size() ? std::optional(formats) : std::nullopt;
  }
  if (node.op != "LayerNormalization" || inputs[0]->element != ElementType::f32) return std::nullopt;
  const auto last = static_cast<int64_t>(inputs[0]->shape.size()) - 1;
  if (view.axis(view.integer("axis", -1), inputs[0]->shape.size()) != last || !view.ok()) return std::nullopt;
  for (size_t i = 1; i < 3; ++i) {
    if (view.has(i) ? !is_row(*inputs[i], inputs[0]->shape.back()) : i == 1) return std::nullopt;
  }
  return formats;
}

Result<std::unique_ptr<Step>> make_row_step(const StepSource& source) {
  const graph::Node& node = source.node();
  const Error unfit = source.wrong("can't run on its rows as they lie");
  std::vector<std::optional<ops::Type>> inputs;
  for (const graph::ValueId id : node.inputs) {
    inputs.push_back(id == graph::kNoValue ? std::nullopt : std::optional(source.type_of(id)));
  }
  if (node.outputs.size() != 1 || node.outputs[0] == graph::kNoValue) return unfit;
  const ops::Type& y = source.type_of(node.outputs[0]);
  const auto formats = row_formats(source.graph, node, inputs, {&y, 1});
  if (!formats || source.work.inputs.size() != inputs.size() || source.work.outputs.size() != 1) return unfit;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i] != (source.work.inputs[i] == Work::kNone)) return unfit;
    if (!inputs[i]) continue;
    const Buffer& buffer = source.input(i);
    if (buffer.value != node.inputs[i] || !(buffer.format == (*formats)[i])) return unfit;
  }
  if (source.work.outputs[0] == Work::kNone) return unfit;
  const Buffer& output = source.output(0);
  if (output.value != node.outputs[0] || output.format.kind != Kind::panels) return unfit;
  if (is_view(node)) {
    const auto bytes = bytes_of(output.format, y);
    if (!bytes) return bytes.error();
    return std::unique_ptr<Step>(std::make_unique<ViewStep>(source, *bytes));
  }
  ops::NodeView view(source.graph, node, inputs);
  if (is_attention(node)) {
    return std::unique_ptr<Step>(std::make_unique<AttentionStep>(source, ops::attention_shape(view)));
  }
  return std::unique_ptr<Step>(std::make_unique<NormStep>(source, view.number("epsilon", 1e-5f)));
}

}  // namespace sparsmith::model

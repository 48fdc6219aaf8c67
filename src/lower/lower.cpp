#include "lower/lower.h"

#include <algorithm>
#include <map>
#include <set>

#include "lower/batch.h"
#include "lower/prepare.h"
#include "model/blocked.h"
#include "model/images.h"
#include "model/pixels.h"
#include "model/rows.h"
#include "ops/layer.h"
#include "pattern/images.h"
#include "sparsmith/panel.h"

namespace sparsmith::lower {
namespace {

using graph::Graph;
using graph::kNoValue;
using graph::Node;
using graph::ValueId;
using model::Format;
using model::Work;
using Kind = Format::Kind;

/// The cut of images of that size that most convolutions have.
StripGrid usual_grid(const Conv2d& pointwise) {
  Conv2d conv{.height = pointwise.height, .width = pointwise.width};
  conv.kernel_h = conv.kernel_w = 3;
  conv.pad_top = conv.pad_left = conv.pad_bottom = conv.pad_right = 1;
  return output_grid(conv);
}

class Lowering {
 public:
  Lowering(Graph& graph, const ops::Evaluator& types) : graph_(graph), types_(types) {}

  Status run() {
    for (size_t v = 0; v < graph_.values.size(); ++v) readers_.emplace_back();
    for (size_t n = 0; n < graph_.nodes.size(); ++n) {
      for (const ValueId id : graph_.nodes[n].inputs) {
        if (id != kNoValue) readers_[static_cast<size_t>(id)].push_back(n);
      }
    }
    for (const ValueId id : graph_.inputs) add_buffer(id, Format::of(Kind::plain));
    for (size_t n = 0; n < graph_.nodes.size(); ++n) {
      if (types_.op(n) == nullptr) continue;  // folded
      node_ = static_cast<int32_t>(n);
      if (Status placed = place(graph_.nodes[n]); !placed) return placed;
    }
    // Whatever else an output lies in, the caller gets it plain.
    for (const ValueId id : graph_.outputs) {
      if (type(id).constant == nullptr) buffer_in(id, Format::of(Kind::plain));
    }
    return success();
  }

  model::Program take_program() { return std::move(program_); }
  std::vector<Layer> take_layers() { return std::move(layers_); }

 private:
  const ops::Type& type(ValueId id) const { return types_.type(id); }
  const model::Buffer& buffer(int32_t b) const { return program_.buffers[static_cast<size_t>(b)]; }

  int32_t add_buffer(ValueId value, const Format& format) {
    const auto b = static_cast<int32_t>(program_.buffers.size());
    program_.buffers.push_back({value, format});
    buffers_[value].push_back(b);
    return b;
  }
  void add_work(Work::Kind kind, std::vector<int32_t> inputs, std::vector<int32_t> outputs,
                int32_t kernel = Work::kNone) {
    program_.works.push_back({kind, node_, kernel, std::move(inputs), std::move(outputs)});
  }

  /// The value's buffer of that format, made by conversion where there is none.
  int32_t buffer_in(ValueId value, const Format& format) {
    for (const int32_t b : buffers_[value]) {
      if (buffer(b).format == format) return b;
    }
    if (buffers_[value].empty()) {  // a constant, which is plain
      const int32_t plain = add_buffer(value, Format::of(Kind::plain));
      if (format.kind == Kind::plain) return plain;
    }
    int32_t source = Work::kNone;
    for (const int32_t b : buffers_[value]) {
      if (convertible(buffer(b).format, format) && (source == Work::kNone || buffer(b).format.kind == Kind::grid)) {
        source = b;
      }
    }
    if (source == Work::kNone) source = buffer_in(value, Format::of(Kind::plain));
    const int32_t target = add_buffer(value, format);
    add_work(Work::Kind::convert, {source}, {target});
    return target;
  }

  bool lies_in(ValueId value, const Format& format) {
    const auto& own = buffers_[value];
    return std::any_of(own.begin(), own.end(), [&](int32_t b) { return buffer(b).format == format; });
  }

  /// A buffer whose interior lies on the grid.
  int32_t buffer_on(ValueId value, const StripGrid& grid) {
    for (const int32_t b : buffers_[value]) {
      const auto interior = interior_of(buffer(b).format);
      if (interior && interior->grid == grid) return b;
    }
    return buffer_in(value, Format::of(grid));
  }

  std::optional<StripGrid> grid_of(ValueId value) {
    for (const int32_t b : buffers_[value]) {
      if (const auto interior = interior_of(buffer(b).format)) return interior->grid;
    }
    return std::nullopt;
  }

  std::optional<Conv2d> convolution(const Node& node) const {
    if (!is_layer(node) || node.op != "Conv") return std::nullopt;
    return convolution_of(graph_, node, type(node.inputs[ops::kLayerX]), type(node.inputs[ops::kLayerWeights]));
  }
  /// Whether a convolution reads its image without halo: a depthwise one that isn't pruned, of an image that is small.
  /// Of larger ones halos are few.
  bool reads_grid(const Node& node, const Conv2d& conv) const {
    const graph::Tensor* const weights = type(node.inputs[ops::kLayerWeights]).constant;
    if (residual_of(node) != kNoValue || weights == nullptr || weights->type != ElementType::f32) return false;
    if (weights->shape[1] != 1 || conv.groups < kPanelWidth || !can_read_grid(conv)) return false;
    const auto elements = weights->as<float>();
    return std::find(elements.begin(), elements.end(), 0.0f) == elements.end();
  }
  /// What the node wants its image cut for, if that is for windows wider than a pixel.
  std::optional<Conv2d> window_of(const Node& node) const {
    if (const auto conv = convolution(node)) {
      const bool own = conv->pointwise() || by_pixels(node, *conv) || reads_grid(node, *conv);
      return own ? std::nullopt : conv;
    }
    const auto pool = node.inputs.empty() || node.inputs[0] == kNoValue
                          ? std::nullopt
                          : model::pool_windows(graph_, node, type(node.inputs[0]));
    return pool ? std::optional(pool->conv) : std::nullopt;
  }
  /// Whether the depthwise convolution isn't a kernel's: with strides, or pruned, and small.
  bool by_pixels(const Node& node, const Conv2d& conv) const {
    return conv.groups > 1 && !reads_grid(node, conv) && model::pays_by_pixels(conv, conv.groups) && pixels_of(node);
  }
  bool pixels_of(const Node& node) const {
    std::vector<std::optional<ops::Type>> inputs;
    for (const ValueId id : node.inputs) inputs.push_back(id == kNoValue ? std::nullopt : std::optional(type(id)));
    return model::make_pixel_operator(graph_, node, inputs) != nullptr;
  }
  bool is_kernel(const Node& node) const {
    return is_layer(node) && (node.op == "MatMul" || convolution(node).has_value());
  }

  /// Where a kernel writes an image: into the X of a convolution that reads it, where that one's cut agrees and nobody
  /// needs it in one piece; else on its grid.
  Format home_of(ValueId value, const StripGrid& grid) const {
    std::optional<Conv2d> next;
    for (const size_t n : readers_[static_cast<size_t>(value)]) {
      const Node& reader = graph_.nodes[n];
      const auto window = window_of(reader);
      const bool whole =
          reader.op == "GlobalAveragePool" || is_kernel(reader) || window || is_join(reader) || pixels_of(reader);
      if (!whole) return Format::of(grid);
      if (window && !next && can_link(grid, *window)) next = window;
    }
    return next ? Format::of(*next) : Format::of(grid);
  }

  /// A buffer for what a work makes of an image on the grid: part of a concatenation that alone reads it, or in its
  /// home.
  int32_t add_image(ValueId value, const StripGrid& grid) {
    const Node* const join = join_of(value);
    if (join == nullptr) return add_buffer(value, home_of(value, grid));
    const int32_t whole = whole_of(*join, grid);
    if (!(interior_of(buffer(whole).format)->grid == grid)) return add_buffer(value, home_of(value, grid));
    int64_t first = 0;
    for (size_t i = 0; join->inputs[i] != value; ++i) first += type(join->inputs[i]).shape[1];
    joined_.insert(value);
    return add_part(value, whole, first);
  }

  /// The concatenation of images along channels that is the value's only reader.
  const Node* join_of(ValueId value) const {
    const auto& readers = readers_[static_cast<size_t>(value)];
    const auto& outputs = graph_.outputs;
    if (readers.size() != 1 || std::find(outputs.begin(), outputs.end(), value) != outputs.end()) return nullptr;
    const Node& reader = graph_.nodes[readers[0]];
    return is_join(reader) ? &reader : nullptr;
  }
  bool is_join(const Node& node) const {
    if (!node.domain.empty() || node.op != "Concat") return false;
    const auto axis = node.attributes.find("axis");
    const int64_t* const along = axis == node.attributes.end() ? nullptr : std::get_if<int64_t>(&axis->second);
    return along != nullptr && (*along == 1 || *along == -3) &&
           std::all_of(node.inputs.begin(), node.inputs.end(),
                       [&](ValueId id) {
                         return id != kNoValue && type(id).constant == nullptr &&
                                type(id).element == ElementType::f32 && type(id).shape.size() == 4 &&
                                type(id).size() > 0;
                       }) &&
           type(node.outputs[0]).shape[1] <= kMaxPitch;
  }
  /// Where a concatenation lies, whose parts are written there.
  int32_t whole_of(const Node& join, const StripGrid& grid) {
    const ValueId y = join.outputs[0];
    for (const int32_t b : buffers_[y]) return b;
    return add_buffer(y, home_of(y, grid));
  }
  int32_t add_part(ValueId value, int32_t whole, int64_t first) {
    const auto b = static_cast<int32_t>(program_.buffers.size());
    program_.buffers.push_back({value, buffer(whole).format, whole, first});
    return b;
  }

  /// What is left to do where an image was written.
  void complete(int32_t b) {
    if (buffer(b).format.kind == Kind::strips && !buffer(b).is_part()) add_work(Work::Kind::halo, {b}, {b});
  }

  void add_kernel(int32_t output, std::vector<int32_t> inputs, Layer layer) {
    const auto kernel = static_cast<int32_t>(layers_.size());
    layers_.push_back(std::move(layer));
    add_work(Work::Kind::kernel, std::move(inputs), {output}, kernel);
    complete(output);
  }

  static ValueId residual_of(const Node& node) {
    return node.inputs.size() > ops::kLayerResidual ? node.inputs[ops::kLayerResidual] : kNoValue;
  }

  Status place_convolution(const Node& node, const Conv2d& conv) {
    const ValueId x = node.inputs[ops::kLayerX], residual = residual_of(node);
    const bool pointwise = conv.pointwise();
    auto layer = make_layer(graph_, node, types_, pointwise ? std::nullopt : std::optional(conv));
    if (!layer) return layer.error();
    StripGrid grid = output_grid(conv);
    std::vector<int32_t> inputs;
    if (pointwise) {
      grid =
          grid_of(x).value_or(residual != kNoValue ? grid_of(residual).value_or(usual_grid(conv)) : usual_grid(conv));
      inputs.push_back(buffer_on(x, grid));
      layer->problem.n = grid.positions() * kPanelWidth;
      layer->whole_panels = true;
    } else {
      const bool on_grid = reads_grid(node, conv);
      inputs.push_back(buffer_in(x, on_grid ? Format::of(grid) : Format::of(conv)));
      layer->problem.n = conv.out_height() * conv.out_width();
      if (on_grid) {
        layer->problem.x_layout = Layout::grid;
        layer->problem.y_layout = Layout::panel;
        add_kernel(add_buffer(node.outputs[0], Format::of(grid)), std::move(inputs), std::move(*layer));
        return success();
      }
    }
    if (residual != kNoValue) inputs.push_back(buffer_on(residual, grid));
    layer->problem.x_layout = layer->problem.y_layout = Layout::panel;
    // A residual lies as Y does, by itself.
    const ValueId y = node.outputs[0];
    const int32_t output = residual != kNoValue ? add_buffer(y, home_of(y, grid)) : add_image(y, grid);
    if (buffer(output).is_part()) layer->problem.y_channels = type(buffer(buffer(output).whole).value).shape[1];
    add_kernel(output, std::move(inputs), std::move(*layer));
    return success();
  }

  Status place_product(const Node& node) {
    auto layer = make_layer(graph_, node, types_, std::nullopt);
    if (!layer) return layer.error();
    const ValueId x = node.inputs[ops::kLayerX], residual = residual_of(node);
    const int64_t rows = model::rows_of(type(x));
    const Format format = Format::of(rows == 1 ? Kind::columns : Kind::panels);
    layer->problem.n = rows;
    layer->whole_panels = rows % kPanelWidth == 0;
    layer->problem.x_layout = layer->problem.y_layout = rows == 1 ? Layout::plain : Layout::panel;
    std::vector<int32_t> inputs{buffer_in(x, format)};
    if (residual != kNoValue) inputs.push_back(buffer_in(residual, format));
    add_kernel(add_buffer(node.outputs[0], format), std::move(inputs), std::move(*layer));
    return success();
  }

  /// Whether an operator along rows should have them in panels: attention, and what a product of several rows reads.
  bool is_among_panels(const Node& node) const {
    if (model::is_view(node)) return false;
    if (node.op == "Attention") return true;
    const auto& readers = readers_[static_cast<size_t>(node.outputs[0])];
    return model::rows_of(type(node.inputs[0])) > 1 && std::any_of(readers.begin(), readers.end(), [&](size_t n) {
             return is_layer(graph_.nodes[n]) && graph_.nodes[n].op == "MatMul";
           });
  }

  /// On values as kernels left them, if the node can; tries each format that its first input lies in.
  bool place_blocked(const Node& node) {
    if (node.inputs.empty() || node.inputs[0] == kNoValue) return false;
    std::vector<std::optional<ops::Type>> inputs;
    std::vector<ops::Type> outputs;
    for (const ValueId id : node.inputs) inputs.push_back(id == kNoValue ? std::nullopt : std::optional(type(id)));
    for (const ValueId id : node.outputs) {
      if (id == kNoValue) return false;
      outputs.push_back(type(id));
    }
    if (model::row_formats(graph_, node, inputs, outputs) && is_among_panels(node)) {
      buffer_in(node.inputs[0], Format::of(Kind::panels));
    }
    for (const int32_t b : buffers_[node.inputs[0]]) {
      const Format first = buffer(b).format;
      const auto formats = model::blocked_formats(graph_, node, inputs, outputs, first);
      if (!formats) continue;
      std::vector<int32_t> from, to;
      for (size_t i = 0; i < inputs.size(); ++i) {
        from.push_back(inputs[i] ? buffer_in(node.inputs[i], (*formats)[i]) : Work::kNone);
      }
      for (const ValueId id : node.outputs) to.push_back(add_buffer(id, first));
      add_work(Work::Kind::blocked, std::move(from), std::move(to));
      return true;
    }
    return false;
  }

  bool place_pooling(const Node& node) {
    if (node.inputs.empty() || node.inputs[0] == kNoValue || !grid_of(node.inputs[0])) return false;
    const ValueId x = node.inputs[0];
    if (node.op == "GlobalAveragePool" && node.domain.empty()) {
      for (const int32_t b : buffers_[x]) {
        if (!interior_of(buffer(b).format)) continue;
        add_work(Work::Kind::mean, {b}, {add_buffer(node.outputs[0], Format::of(Kind::plain))});
        return true;
      }
    }
    const auto pool = model::pool_windows(graph_, node, type(x));
    if (!pool) return false;
    const auto& own = buffers_[x];
    const auto in_place = std::find_if(own.begin(), own.end(), [&](int32_t b) {
      return buffer(b).format == Format::of(pool->conv) || model::pools_in_place(pool->conv, buffer(b).format);
    });
    if (in_place == own.end() && place_pixels(node)) return true;
    const int32_t strips = in_place != own.end() ? *in_place : buffer_in(x, Format::of(pool->conv));
    const int32_t output = add_image(node.outputs[0], output_grid(pool->conv));
    add_work(Work::Kind::pool, {strips}, {output});
    complete(output);
    return true;
  }

  /// An operator that any cut of its input will do for.
  bool place_pixels(const Node& node) {
    if (node.inputs.empty() || node.inputs[0] == kNoValue || !grid_of(node.inputs[0]) || !pixels_of(node)) return false;
    const ValueId x = node.inputs[0], y = node.outputs[0];
    const auto pool = model::pool_windows(graph_, node, type(x));
    const auto conv = convolution(node);
    const Conv2d image{.height = type(y).shape[2], .width = type(y).shape[3]};
    const StripGrid grid = pool ? output_grid(pool->conv) : conv ? output_grid(*conv) : usual_grid(image);
    const int32_t source = buffer_on(x, *grid_of(x)), output = add_image(y, grid);
    add_work(Work::Kind::pixels, {source}, {output});
    complete(output);
    return true;
  }

  /// A concatenation along channels: inputs that weren't made in their places are copied there.
  bool place_join(const Node& node) {
    if (!is_join(node)) return false;
    std::optional<StripGrid> grid = grid_of(node.outputs[0]);
    for (size_t i = 0; i < node.inputs.size() && !grid; ++i) grid = grid_of(node.inputs[i]);
    if (!grid) return false;
    const int32_t whole = whole_of(node, *grid);
    int64_t first = 0;
    for (const ValueId id : node.inputs) {
      if (!joined_.contains(id)) {
        const int32_t source = buffer_on(id, *grid);
        add_work(Work::Kind::convert, {source}, {add_part(id, whole, first)});
      }
      first += type(id).shape[1];
    }
    complete(whole);
    return true;
  }

  Status place(const Node& node) {
    if (const auto conv = convolution(node)) {
      return by_pixels(node, *conv) && place_pixels(node) ? success() : place_convolution(node, *conv);
    }
    if (is_layer(node) && node.op == "MatMul" && model::rows_of(type(node.inputs[ops::kLayerX])) > 0) {
      return place_product(node);
    }
    if (place_pooling(node) || place_join(node) || place_pixels(node)) return success();
    // Of a value in panels and plain, a view costs nothing in either.
    const bool blocked = place_blocked(node);
    if (blocked && !(model::is_view(node) && lies_in(node.inputs[0], Format::of(Kind::plain)))) return success();
    std::vector<int32_t> inputs, outputs;
    for (const ValueId id : node.inputs) {
      inputs.push_back(id == kNoValue ? Work::kNone : buffer_in(id, Format::of(Kind::plain)));
    }
    for (const ValueId id : node.outputs) {
      outputs.push_back(id == kNoValue ? Work::kNone : add_buffer(id, Format::of(Kind::plain)));
    }
    add_work(Work::Kind::reference, std::move(inputs), std::move(outputs));
    return success();
  }

  Graph& graph_;
  const ops::Evaluator& types_;
  std::vector<std::vector<size_t>> readers_;         ///< of each value
  std::map<ValueId, std::vector<int32_t>> buffers_;  ///< in which a value can be read
  std::set<ValueId> joined_;                         ///< values that lie in a concatenation, and only there
  model::Program program_;
  std::vector<Layer> layers_;
  int32_t node_ = 0;
};

/// Constants that nothing but kernels reads stay as types.
void drop_weights(Graph& graph, const model::Program& program) {
  std::vector<bool> read(graph.values.size());
  for (const model::Buffer& buffer : program.buffers) read[static_cast<size_t>(buffer.value)] = true;
  std::vector<bool> has_kernel(graph.nodes.size());
  for (const Work& work : program.works) {
    if (work.kind == Work::Kind::kernel) has_kernel[static_cast<size_t>(work.node)] = true;
  }
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    if (has_kernel[n]) continue;
    for (const ValueId id : graph.nodes[n].inputs) {
      if (id != kNoValue) read[static_cast<size_t>(id)] = true;
    }
  }
  for (const ValueId id : graph.outputs) read[static_cast<size_t>(id)] = true;
  for (size_t v = 0; v < graph.values.size(); ++v) {
    graph::Value& value = graph.values[v];
    if (read[v] || value.constant == nullptr) continue;
    value.type = value.constant->type;
    value.shape.emplace();
    for (const int64_t size : value.constant->shape) value.shape->push_back({size, ""});
    value.constant = nullptr;
  }
}

/// One sample; what else inputs leave open is the length of a text.
Result<std::vector<std::vector<int64_t>>> example_shapes(const Graph& graph) {
  constexpr int64_t kLength = 128;
  auto shapes = ops::declared_shapes(graph);
  if (!shapes) return shapes;
  for (size_t i = 0; i < graph.inputs.size(); ++i) {
    const graph::Shape& declared = *graph.values[static_cast<size_t>(graph.inputs[i])].shape;
    for (size_t d = 1; d < declared.size(); ++d) {
      if (declared[d].size < 0) (*shapes)[i][d] = kLength;
    }
  }
  return shapes;
}

}  // namespace

Result<Lowered> lower(Graph graph) {
  auto shapes = example_shapes(graph);
  if (!shapes) return shapes.error();
  auto types = ops::Evaluator::create(graph, *shapes);
  if (!types) {
    shapes = ops::declared_shapes(graph);
    types = ops::Evaluator::create(graph, *shapes);
  }
  if (!types) return types.error();
  prepare(graph, *types);
  types = ops::Evaluator::create(graph, *shapes);
  if (!types) return types.error();
  Lowering lowering(graph, *types);
  if (Status lowered = lowering.run(); !lowered) return lowered.error();
  Lowered result{{}, lowering.take_program(), lowering.take_layers(), keeps_images_apart(graph)};
  drop_weights(graph, result.program);
  result.graph = std::move(graph);
  return result;
}

}  // namespace sparsmith::lower

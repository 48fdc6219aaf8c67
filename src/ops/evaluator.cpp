#include "ops/evaluator.h"

#include <algorithm>
#include <new>
#include <set>
#include <string>

namespace sparsmith::ops {

using graph::Graph;
using graph::kNoValue;
using graph::Node;
using graph::Tensor;
using graph::ValueId;

namespace {

/// A folded constant larger than this and than what it is made from stays an operator: a model of a few bytes must not
/// take gigabytes before it runs.
constexpr int64_t kMostFoldedBytes = int64_t{16} << 20;

int64_t bytes_of(const Type& type) { return type.size() * graph::size_of(type.element); }

const std::string& name_of(const Graph& graph, ValueId id) { return graph.values[static_cast<size_t>(id)].name; }

/// All operators that make() doesn't know, in one message.
Status check_operators(const Graph& graph) {
  std::set<std::string> reported;
  std::string unknown, list;
  for (const Node& node : graph.nodes) {
    const std::string op = node.domain.empty() ? node.op : node.domain + "." + node.op;
    if (is_supported(node) || !reported.insert(op).second) continue;
    unknown += (unknown.empty() ? "" : "; ") + graph::describe(graph, node);
    if (!node.domain.empty()) unknown += " of " + node.domain;
  }
  if (unknown.empty()) return success();
  for (const std::string& name : supported()) list += (list.empty() ? "" : ", ") + name;
  return bad_input("operators that aren't supported: " + unknown, "supported are " + list);
}

}  // namespace

Result<std::vector<std::vector<int64_t>>> declared_shapes(const Graph& graph, int64_t unknown) {
  std::vector<std::vector<int64_t>> shapes;
  for (const ValueId id : graph.inputs) {
    const graph::Value& value = graph.values[static_cast<size_t>(id)];
    if (!value.shape || !value.type) {
      return bad_input(
          "input \"" + value.name + "\" is declared without " + (value.type ? "a shape" : "an element type"),
          "export the model with the types and shapes of its inputs");
    }
    std::vector<int64_t>& shape = shapes.emplace_back();
    for (const graph::Dimension& dimension : *value.shape)
      shape.push_back(dimension.size >= 0 ? dimension.size : unknown);
  }
  return shapes;
}

Evaluator::Evaluator(const Graph& graph)
    : graph_(&graph),
      types_(graph.values.size()),
      given_(graph.values.size()),
      ops_(graph.nodes.size()),
      last_use_(graph.values.size(), 0) {
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    for (const ValueId id : graph.nodes[i].inputs) {
      if (id != kNoValue) last_use_[static_cast<size_t>(id)] = i;
    }
  }
  for (const ValueId id : graph.outputs) last_use_[static_cast<size_t>(id)] = graph.nodes.size();
}

Result<Evaluator> Evaluator::create(const Graph& graph, std::span<const std::vector<int64_t>> shapes) {
  if (Status known = check_operators(graph); !known) return known.error();
  Evaluator evaluator(graph);
  if (Status taken = evaluator.take_inputs(shapes); !taken) return taken.error();
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    if (Status prepared = evaluator.prepare(i); !prepared) return prepared.error();
  }
  return evaluator;
}

Status Evaluator::take_inputs(std::span<const std::vector<int64_t>> shapes) {
  for (size_t i = 0; i < graph_->values.size(); ++i) given_[i] = graph_->values[i].constant != nullptr;
  for (const ValueId id : graph_->inputs) given_[static_cast<size_t>(id)] = true;
  for (size_t i = 0; i < graph_->values.size(); ++i) {
    const graph::Value& value = graph_->values[i];
    if (const Tensor* constant = value.constant.get()) {
      types_[i] = Type{constant->type, constant->shape, constant};
    } else if (value.type && value.shape) {
      // A weight that lies in a kernel is known by its type alone; nodes overwrite what they make.
      Type type{*value.type, {}, nullptr};
      for (const graph::Dimension& dimension : *value.shape) type.shape.push_back(std::max<int64_t>(0, dimension.size));
      types_[i] = std::move(type);
    }
  }
  if (shapes.size() != graph_->inputs.size()) {
    return bad_input("the model has " + std::to_string(graph_->inputs.size()) + " inputs, but " +
                     std::to_string(shapes.size()) + " shapes were given");
  }
  for (size_t i = 0; i < shapes.size(); ++i) {
    const ValueId id = graph_->inputs[i];
    const graph::Value& value = graph_->values[static_cast<size_t>(id)];
    bool fits = value.type.has_value();
    if (value.shape) {
      fits = fits && value.shape->size() == shapes[i].size();
      for (size_t d = 0; fits && d < shapes[i].size(); ++d) {
        const int64_t declared = (*value.shape)[d].size;
        fits = shapes[i][d] >= 0 && (declared < 0 || declared == shapes[i][d]);
      }
    }
    if (!fits) {
      return bad_input("input \"" + value.name + "\" can't be of shape " + graph::shape_text(shapes[i]) +
                           ", which isn't what the model declares",
                       "see the model's own shape of that input");
    }
    types_[static_cast<size_t>(id)] = Type{*value.type, shapes[i], nullptr};
  }
  return success();
}

Status Evaluator::prepare(size_t index) {
  const Node& node = graph_->nodes[index];
  for (const ValueId id : node.inputs) {
    if (id != kNoValue && !given_[static_cast<size_t>(id)]) missing_ = id;
  }
  for (const ValueId id : node.outputs) {
    if (id != kNoValue) given_[static_cast<size_t>(id)] = true;
  }
  std::vector<std::optional<Type>> inputs;
  for (const ValueId id : node.inputs) {
    inputs.push_back(id == kNoValue ? std::nullopt : types_[static_cast<size_t>(id)]);
  }
  auto made = make(*graph_, node, inputs);
  if (!made) return made.error();
  const std::vector<Type>& types = (*made)->outputs();
  if (node.outputs.size() > types.size()) {
    return bad_input(graph::describe(*graph_, node) + " has " + std::to_string(node.outputs.size()) +
                     " outputs; it makes " + std::to_string(types.size()));
  }
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i] != kNoValue) types_[static_cast<size_t>(node.outputs[i])] = types[i];
  }
  if (!fold(node, **made)) ops_[index] = std::move(*made);
  return success();
}

/// Whether all outputs of a node that somebody reads are known now.
bool Evaluator::fold(const Node& node, const Operator& made) {
  const auto keep = [&](ValueId id, Tensor tensor) {
    folded_.push_back(std::make_unique<const Tensor>(std::move(tensor)));
    types_[static_cast<size_t>(id)]->constant = folded_.back().get();
  };
  bool all_known = true;
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i] == kNoValue) continue;
    if (auto known = made.known(i)) {
      keep(node.outputs[i], std::move(*known));
    } else {
      all_known = false;
    }
  }
  if (all_known) return true;
  int64_t in = 0, out = 0;
  std::vector<const void*> sources;
  for (const ValueId id : node.inputs) {
    const Type* const type = id == kNoValue ? nullptr : &*types_[static_cast<size_t>(id)];
    if (type != nullptr && type->constant == nullptr) return false;
    sources.push_back(type != nullptr ? type->constant->bytes.data() : nullptr);
    if (type != nullptr) in += bytes_of(*type);
  }
  for (const Type& type : made.outputs()) out += bytes_of(type);
  if (out > std::max(in, kMostFoldedBytes)) return false;
  std::vector<Tensor> results;
  std::vector<void*> targets;
  for (const Type& type : made.outputs()) results.push_back(Tensor::zeros(type.element, type.shape));
  for (size_t i = 0; i < results.size(); ++i) {
    const bool wanted = i < node.outputs.size() && node.outputs[i] != kNoValue;
    targets.push_back(wanted ? results[i].bytes.data() : nullptr);
  }
  made.run(sources, targets);
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i] != kNoValue) keep(node.outputs[i], std::move(results[i]));
  }
  return true;
}

Result<std::vector<Tensor>> Evaluator::run(std::span<const Tensor> inputs) const {
  if (missing_ != kNoValue) {
    return bad_input("the elements of \"" + name_of(*graph_, missing_) + "\" aren't in the graph, only their type");
  }
  if (inputs.size() != graph_->inputs.size()) {
    return bad_input("the model has " + std::to_string(graph_->inputs.size()) + " inputs, but " +
                     std::to_string(inputs.size()) + " were given");
  }
  try {
    std::vector<Tensor> values(graph_->values.size());
    for (size_t i = 0; i < inputs.size(); ++i) {
      const ValueId id = graph_->inputs[i];
      const Type& wanted = type(id);
      if (inputs[i].type != wanted.element || inputs[i].shape != wanted.shape) {
        return bad_input("input \"" + name_of(*graph_, id) + "\" is " + graph::describe(inputs[i]) + "; " +
                         describe(wanted) + " is expected");
      }
      values[static_cast<size_t>(id)] = inputs[i];
    }
    const auto data = [&](ValueId id) -> const void* {
      if (id == kNoValue) return nullptr;
      const Tensor* const constant = type(id).constant;
      return constant != nullptr ? constant->bytes.data() : values[static_cast<size_t>(id)].bytes.data();
    };
    for (size_t i = 0; i < graph_->nodes.size(); ++i) {
      const Node& node = graph_->nodes[i];
      if (ops_[i] == nullptr) continue;
      std::vector<const void*> sources;
      std::vector<void*> targets;
      for (const ValueId id : node.inputs) sources.push_back(data(id));
      for (size_t o = 0; o < ops_[i]->outputs().size(); ++o) {
        const ValueId id = o < node.outputs.size() ? node.outputs[o] : kNoValue;
        targets.push_back(nullptr);
        if (id == kNoValue) continue;
        const Type& made = ops_[i]->outputs()[o];
        Tensor& value = values[static_cast<size_t>(id)];
        value = Tensor::zeros(made.element, made.shape);
        targets.back() = value.bytes.data();
      }
      ops_[i]->run(sources, targets);
      for (const ValueId id : node.inputs) {
        if (id != kNoValue && last_use_[static_cast<size_t>(id)] == i) values[static_cast<size_t>(id)] = Tensor{};
      }
    }
    std::vector<Tensor> outputs;
    for (const ValueId id : graph_->outputs) {
      const Tensor* const constant = type(id).constant;
      outputs.push_back(constant != nullptr ? *constant : values[static_cast<size_t>(id)]);
    }
    return outputs;
  } catch (const std::bad_alloc&) {
    return unsuitable("no memory for the model's activations");
  }
}

}  // namespace sparsmith::ops

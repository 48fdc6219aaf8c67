#include "passes/editor.h"

#include <algorithm>

namespace sparsmith::passes {

using graph::Graph;
using graph::kNoValue;
using graph::Node;
using graph::Tensor;
using graph::ValueId;

namespace {

constexpr int64_t kSmallModel = int64_t{64} << 20;

size_t index_of(ValueId id) { return static_cast<size_t>(id); }

}  // namespace

Editor::Editor(Graph graph, const Facts& facts)
    : graph_(std::move(graph)),
      facts_(&facts),
      nodes_(2 * graph_.nodes.size()),
      readers_(graph_.values.size()),
      reader_sum_(graph_.values.size()),
      makers_(graph_.values.size()),
      is_output_(graph_.values.size()) {
  for (size_t i = 0; i < graph_.nodes.size(); ++i) put(2 * i + 1, std::move(graph_.nodes[i]));
  graph_.nodes.clear();
  for (const ValueId id : graph_.outputs) {
    is_output_[index_of(id)] = true;
    ++readers_[index_of(id)];
  }
  int64_t bytes = 0;
  for (const graph::Value& value : graph_.values) {
    names_.insert(value.name);
    if (value.constant != nullptr) bytes += static_cast<int64_t>(value.constant->bytes.size());
  }
  // Each weight is transposed at most once and scaled at most a few times.
  room_ = kSmallModel + 4 * bytes;
}

void Editor::count(const Node& node, size_t place, bool add) {
  for (const ValueId id : node.inputs) {
    if (id == kNoValue) continue;
    readers_[index_of(id)] += add ? 1 : size_t{0} - 1;
    reader_sum_[index_of(id)] += add ? place : size_t{0} - place;
  }
  for (const ValueId id : node.outputs) {
    if (id == kNoValue) continue;
    std::optional<size_t>& made = makers_[index_of(id)];
    if (add) {
      made = place;
    } else if (made == place) {
      made.reset();
    }
  }
}

void Editor::put(size_t place, Node node) {
  if (used(place)) count(nodes_[place], place, false);
  nodes_[place] = std::move(node);
  count(nodes_[place], place, true);
}

void Editor::erase(size_t place) {
  count(nodes_[place], place, false);
  nodes_[place] = Node{};
}

std::optional<size_t> Editor::maker(ValueId id) const { return id == kNoValue ? std::nullopt : makers_[index_of(id)]; }

std::optional<size_t> Editor::maker(ValueId id, std::string_view op) const {
  const auto place = maker(id);
  return place && nodes_[*place].domain.empty() && nodes_[*place].op == op ? place : std::nullopt;
}

std::optional<size_t> Editor::only_reader(ValueId id) const {
  if (id == kNoValue || readers(id) != 1 || is_output(id)) return std::nullopt;
  return reader_sum_[index_of(id)];
}

const Tensor* Editor::constant(ValueId id) const { return id == kNoValue ? nullptr : value(id).constant.get(); }

void Editor::make_constant(ValueId id, Tensor tensor) {
  graph_.values[index_of(id)].constant = std::make_shared<const Tensor>(std::move(tensor));
}

ValueId Editor::add_value(ValueId like) {
  const std::string base = value(like).name;
  std::string name;
  for (size_t i = graph_.values.size(); name.empty() || names_.contains(name); ++i)
    name = base + "/" + std::to_string(i);
  names_.insert(name);
  graph_.values.push_back({std::move(name), {}, {}, nullptr});
  readers_.push_back(0);
  reader_sum_.push_back(0);
  makers_.emplace_back();
  is_output_.push_back(false);
  return static_cast<ValueId>(graph_.values.size() - 1);
}

std::optional<ValueId> Editor::add_constant(Tensor tensor, ValueId like) {
  const auto bytes = static_cast<int64_t>(tensor.bytes.size());
  if (!has_room(bytes)) return std::nullopt;
  room_ -= bytes;
  const ValueId id = add_value(like);
  graph::Value& added = graph_.values[index_of(id)];
  added.type = tensor.type;
  added.constant = std::make_shared<const Tensor>(std::move(tensor));
  return id;
}

void Editor::rename_output(ValueId output, ValueId other) {
  for (ValueId& id : graph_.outputs) {
    if (id != output) continue;
    id = other;
    --readers_[index_of(output)];
    ++readers_[index_of(other)];
  }
  is_output_[index_of(output)] = false;
  is_output_[index_of(other)] = true;
  graph::Value &from = graph_.values[index_of(output)], &to = graph_.values[index_of(other)];
  std::swap(from.name, to.name);
  std::swap(from.type, to.type);
  std::swap(from.shape, to.shape);
}

void Editor::drop_unread() {
  // Readers come behind makers, so that one walk from the end finds all of it.
  for (size_t place = nodes_.size(); place-- > 0;) {
    if (!used(place)) continue;
    const std::vector<ValueId>& outputs = nodes_[place].outputs;
    if (std::all_of(outputs.begin(), outputs.end(), [&](ValueId id) { return id == kNoValue || readers(id) == 0; })) {
      erase(place);
    }
  }
}

Graph Editor::finish() {
  drop_unread();
  Graph result;
  result.name = std::move(graph_.name);
  result.opset = graph_.opset;
  std::vector<ValueId> renumbered(graph_.values.size(), kNoValue);
  const auto number = [&](ValueId& id) {
    if (id == kNoValue) return;
    ValueId& now = renumbered[index_of(id)];
    if (now == kNoValue) {
      now = static_cast<ValueId>(result.values.size());
      result.values.push_back(std::move(graph_.values[index_of(id)]));
    }
    id = now;
  };
  for (ValueId& id : graph_.inputs) number(id);
  for (Node& node : nodes_) {
    if (node.op.empty()) continue;
    for (ValueId& id : node.inputs) number(id);
    for (ValueId& id : node.outputs) number(id);
    result.nodes.push_back(std::move(node));
  }
  for (ValueId& id : graph_.outputs) number(id);
  result.inputs = std::move(graph_.inputs);
  result.outputs = std::move(graph_.outputs);
  return result;
}

}  // namespace sparsmith::passes

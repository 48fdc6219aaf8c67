#include "model/graph_io.h"

#include <algorithm>
#include <limits>

namespace sparsmith::model {
namespace {

using graph::Tensor;
using graph::ValueId;
using image_format::Reader;
using image_format::Writer;

// Far beyond any model; what is counted is there, each entry taking at least a byte, so memory stays below the file's.
constexpr uint32_t kMostRank = 64;

void write_list(const std::vector<int32_t>& list, Writer& w) {
  w.number(static_cast<uint32_t>(list.size()));
  for (const int32_t v : list) w.number(v);
}

void write_tensor(const Tensor& tensor, Writer& w) {
  w.enumeration(tensor.type);
  w.number(static_cast<uint32_t>(tensor.shape.size()));
  for (const int64_t size : tensor.shape) w.number(size);
  w.number(static_cast<uint64_t>(tensor.bytes.size()));
  w.raw(tensor.bytes.data(), tensor.bytes.size());
}

struct AttributeWriter {
  Writer& w;
  void operator()(int64_t v) const { w.number(v); }
  void operator()(float v) const { w.number(v); }
  void operator()(const std::string& v) const { w.text(v); }
  void operator()(const Tensor& v) const { write_tensor(v, w); }
  template <class T>
  void operator()(const std::vector<T>& list) const {
    w.number(static_cast<uint32_t>(list.size()));
    for (const T& v : list) (*this)(v);
  }
};

/// As many entries as can be there.
uint32_t read_count(Reader& r) { return r.number<uint32_t>(); }

std::vector<int32_t> read_ids(Reader& r, size_t values) {
  std::vector<int32_t> ids;
  for (uint32_t n = read_count(r); n > 0 && r.good(); --n) {
    ids.push_back(r.number_within<int32_t>(graph::kNoValue, static_cast<int32_t>(values) - 1));
  }
  return ids;
}

Tensor read_tensor(Reader& r) {
  Tensor tensor;
  tensor.type = r.enumeration(ElementType::boolean);
  int64_t bytes = size_of(tensor.type);
  for (uint32_t rank = r.number_within<uint32_t>(0, kMostRank); rank > 0 && r.good(); --rank) {
    tensor.shape.push_back(r.number_within<int64_t>(0, std::numeric_limits<int64_t>::max()));
    if (__builtin_mul_overflow(bytes, tensor.shape.back(), &bytes)) r.fail();
  }
  if (r.number<uint64_t>() != static_cast<uint64_t>(bytes)) r.fail();
  const std::string_view data = r.good() ? r.take(static_cast<size_t>(bytes)) : std::string_view{};
  const auto* const first = reinterpret_cast<const std::byte*>(data.data());
  if (r.good()) tensor.bytes.assign(first, first + data.size());
  return tensor;
}

template <class T, class Read>
std::vector<T> read_list(Reader& r, const Read& read) {
  std::vector<T> list;
  for (uint32_t n = read_count(r); n > 0 && r.good(); --n) list.push_back(read());
  return list;
}

graph::Attribute read_attribute(Reader& r) {
  switch (r.number_within<uint8_t>(0, std::variant_size_v<graph::Attribute> - 1)) {
    case 0:
      return r.number<int64_t>();
    case 1:
      return r.number<float>();
    case 2:
      return r.text();
    case 3:
      return read_list<int64_t>(r, [&] { return r.number<int64_t>(); });
    case 4:
      return read_list<float>(r, [&] { return r.number<float>(); });
    case 5:
      return read_list<std::string>(r, [&] { return r.text(); });
    default:
      return read_tensor(r);
  }
}

void write_value(const graph::Value& value, Writer& w) {
  w.text(value.name);
  w.number(static_cast<uint8_t>(value.type.has_value()));
  if (value.type) w.enumeration(*value.type);
  w.number(static_cast<uint8_t>(value.shape.has_value()));
  if (value.shape) {
    w.number(static_cast<uint32_t>(value.shape->size()));
    for (const graph::Dimension& dimension : *value.shape) {
      w.number(dimension.size);
      w.text(dimension.symbol);
    }
  }
  w.number(static_cast<uint8_t>(value.constant != nullptr));
  if (value.constant) write_tensor(*value.constant, w);
}

graph::Value read_value(Reader& r) {
  graph::Value value;
  value.name = r.text();
  if (r.boolean()) value.type = r.enumeration(ElementType::boolean);
  if (r.boolean()) {
    value.shape.emplace();
    for (uint32_t rank = r.number_within<uint32_t>(0, kMostRank); rank > 0 && r.good(); --rank) {
      graph::Dimension& dimension = value.shape->emplace_back();
      dimension.size = r.number_within<int64_t>(-1, std::numeric_limits<int64_t>::max());
      dimension.symbol = r.text();
    }
  }
  if (r.boolean()) value.constant = std::make_shared<const Tensor>(read_tensor(r));
  return value;
}

/// Whether nodes come after what they read, and each value is made once.
bool in_order(const graph::Graph& graph) {
  std::vector<bool> known(graph.values.size());
  for (size_t i = 0; i < known.size(); ++i) known[i] = graph.values[i].constant != nullptr;
  std::vector<bool> made = known;
  const auto take = [&](ValueId id) {
    if (id == graph::kNoValue || made[static_cast<size_t>(id)]) return false;
    made[static_cast<size_t>(id)] = known[static_cast<size_t>(id)] = true;
    return true;
  };
  if (!std::all_of(graph.inputs.begin(), graph.inputs.end(), take)) return false;
  std::vector<bool> produced(known.size());
  for (const graph::Node& node : graph.nodes) {
    for (const ValueId id : node.outputs) {
      if (id != graph::kNoValue) produced[static_cast<size_t>(id)] = true;
    }
  }
  for (const graph::Node& node : graph.nodes) {
    for (const ValueId id : node.inputs) {
      // What nobody makes is known by its type alone: a weight that lies in a kernel.
      if (id != graph::kNoValue && !known[static_cast<size_t>(id)] && produced[static_cast<size_t>(id)]) return false;
    }
    for (const ValueId id : node.outputs) {
      if (id != graph::kNoValue && !take(id)) return false;
    }
  }
  return std::all_of(graph.outputs.begin(), graph.outputs.end(),
                     [&](ValueId id) { return id != graph::kNoValue && known[static_cast<size_t>(id)]; });
}

}  // namespace

void write(const graph::Graph& graph, Writer& w) {
  w.text(graph.name);
  w.number(graph.opset);
  w.number(static_cast<uint32_t>(graph.values.size()));
  for (const graph::Value& value : graph.values) write_value(value, w);
  write_list(graph.inputs, w);
  write_list(graph.outputs, w);
  w.number(static_cast<uint32_t>(graph.nodes.size()));
  for (const graph::Node& node : graph.nodes) {
    w.text(node.name);
    w.text(node.domain);
    w.text(node.op);
    write_list(node.inputs, w);
    write_list(node.outputs, w);
    w.number(static_cast<uint32_t>(node.attributes.size()));
    for (const auto& [name, attribute] : node.attributes) {
      w.text(name);
      w.number(static_cast<uint8_t>(attribute.index()));
      std::visit(AttributeWriter{w}, attribute);
    }
  }
}

graph::Graph read_graph(Reader& r) {
  graph::Graph graph;
  graph.name = r.text();
  graph.opset = r.number_within<int64_t>(1, 1000);
  for (uint32_t n = read_count(r); n > 0 && r.good(); --n) graph.values.push_back(read_value(r));
  if (graph.values.size() > static_cast<size_t>(std::numeric_limits<ValueId>::max())) r.fail();
  graph.inputs = read_ids(r, graph.values.size());
  graph.outputs = read_ids(r, graph.values.size());
  for (uint32_t n = read_count(r); n > 0 && r.good(); --n) {
    graph::Node& node = graph.nodes.emplace_back();
    node.name = r.text();
    node.domain = r.text();
    node.op = r.text();
    node.inputs = read_ids(r, graph.values.size());
    node.outputs = read_ids(r, graph.values.size());
    for (uint32_t a = read_count(r); a > 0 && r.good(); --a) {
      std::string name = r.text();
      node.attributes[std::move(name)] = read_attribute(r);
    }
  }
  if (r.good() && !in_order(graph)) r.fail();
  return graph;
}

}  // namespace sparsmith::model

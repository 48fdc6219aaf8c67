#include "onnx/read.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <onnx/onnx_pb.h>

#include <climits>
#include <cstring>
#include <filesystem>
#include <optional>
#include <unordered_set>

#include "load/messages.h"
#include "load/source.h"
#include "onnx/attribute.h"
#include "onnx/tensor.h"
#include "onnx/values.h"

namespace sparsmith::onnx_reader {
namespace {

using graph::Graph;
using graph::kNoValue;
using graph::Node;
using graph::Tensor;
using graph::ValueId;
using load::join;
using load::visible;

constexpr const char* kOwnDomain = "ai.onnx";  // which files may also leave empty

/// One model on its way from messages to a graph.
class Reader {
 public:
  explicit Reader(const Source& source) : source_(source), values_(graph_, source) {}

  Result<Graph> read(const onnx::ModelProto& model) {
    for (const auto step : {&Reader::read_opset, &Reader::read_initializers, &Reader::read_inputs, &Reader::read_nodes,
                            &Reader::read_outputs, &Reader::read_declared}) {
      if (Status done = (this->*step)(model); !done) return done.error();
    }
    return std::move(graph_);
  }

 private:
  std::string where() const { return source_.origin + ": "; }

  Status read_opset(const onnx::ModelProto& model) {
    if (!model.has_graph()) return bad_input(join(where(), "holds no graph"), "an ONNX model is expected");
    if (model.functions_size() > 0) {
      return bad_input(join(where(), "has functions of its own, such as ", visible(model.functions(0).name())),
                       "inline them first (onnx.inliner.inline_local_functions)");
    }
    for (const onnx::OperatorSetIdProto& opset : model.opset_import()) {
      if (opset.domain().empty() || opset.domain() == kOwnDomain) graph_.opset = opset.version();
    }
    if (graph_.opset < kOldestOpset || graph_.opset > kNewestOpset) {
      return bad_input(
          join(where(), "is of opset ", graph_.opset, "; ", kOldestOpset, " to ", kNewestOpset, " can be read"),
          "convert it (onnx.version_converter)");
    }
    graph_.name = model.graph().name();
    return success();
  }

  Status add_constant(const std::string& name, const std::string& producer, Tensor tensor) {
    const auto id = values_.add(name, producer);
    if (!id) return id.error();
    graph::Value& value = graph_.values[static_cast<size_t>(*id)];
    value.type = tensor.type;
    value.shape.emplace();
    for (const int64_t size : tensor.shape) value.shape->push_back({size, {}});
    value.constant = std::make_shared<const Tensor>(std::move(tensor));
    return success();
  }

  Status read_initializers(const onnx::ModelProto& model) {
    for (const onnx::TensorProto& proto : model.graph().initializer()) {
      auto tensor = read_tensor(proto, join(where(), "initialiser ", visible(proto.name())), source_);
      if (!tensor) return tensor.error();
      if (Status added = add_constant(proto.name(), "an initialiser", std::move(*tensor)); !added) return added;
    }
    for (const onnx::SparseTensorProto& proto : model.graph().sparse_initializer()) {
      const std::string& name = proto.values().name();
      auto tensor = read_sparse(proto, join(where(), "sparse initialiser ", visible(name)), source_);
      if (!tensor) return tensor.error();
      if (Status added = add_constant(name, "a sparse initialiser", std::move(*tensor)); !added) return added;
    }
    return success();
  }

  /// Inputs with an initialiser have a default, and are taken as the constants that they almost always are.
  Status read_inputs(const onnx::ModelProto& model) {
    for (const onnx::ValueInfoProto& info : model.graph().input()) {
      if (const ValueId constant = values_.find(info.name()); constant != kNoValue) {
        if (graph_.values[static_cast<size_t>(constant)].constant) {
          if (Status declared = values_.declare(constant, info); !declared) return declared;
          continue;
        }
      }
      const auto id = values_.add(info.name(), "an input");
      if (!id) return id.error();
      graph_.inputs.push_back(*id);
      if (Status declared = values_.declare(*id, info); !declared) return declared;
    }
    return success();
  }

  Status read_nodes(const onnx::ModelProto& model) {
    std::unordered_set<std::string> produced;
    for (const onnx::NodeProto& proto : model.graph().node())
      produced.insert(proto.output().begin(), proto.output().end());
    for (const onnx::NodeProto& proto : model.graph().node()) {
      if (Status read = read_node(proto, produced); !read) return read;
    }
    return success();
  }

  Status read_node(const onnx::NodeProto& proto, const std::unordered_set<std::string>& produced) {
    Node node;
    node.name = proto.name();
    node.op = proto.op_type();
    node.domain = proto.domain() == kOwnDomain ? "" : proto.domain();
    const std::string named = node.name.empty() && proto.output_size() > 0 ? proto.output(0) : node.name;
    const std::string what = join(where(), load::escaped(node.op), " node ", visible(named));
    for (const std::string& name : proto.input()) {
      node.inputs.push_back(values_.find(name));
      if (name.empty() || node.inputs.back() != kNoValue) continue;
      if (produced.contains(name)) {
        return bad_input(join(what, " reads ", visible(name), ", which a later node makes"),
                         "nodes must come after those whose outputs they read, and may not form a cycle");
      }
      return bad_input(join(what, " reads ", visible(name), ", which is no input, initialiser or output of a node"),
                       "the model may have lost an initialiser");
    }
    for (const onnx::AttributeProto& attribute : proto.attribute()) {
      auto value = read_attribute(attribute, join(what, ", attribute ", visible(attribute.name())), source_);
      if (!value) return value.error();
      if (!node.attributes.emplace(attribute.name(), std::move(*value)).second) {
        return bad_input(join(what, " has the attribute ", visible(attribute.name()), " twice"));
      }
    }
    if (node.op == "Constant" && node.domain.empty()) return read_constant(proto, node, what);
    for (const std::string& name : proto.output()) {
      if (name.empty()) {
        node.outputs.push_back(kNoValue);
        continue;
      }
      const auto id = values_.add(name, join("an output of ", load::escaped(node.op), " node ", visible(named)));
      if (!id) return id.error();
      node.outputs.push_back(*id);
    }
    graph_.nodes.push_back(std::move(node));
    return success();
  }

  /// A Constant node is the constant that it makes.
  Status read_constant(const onnx::NodeProto& proto, Node& node, const std::string& what) {
    if (proto.output_size() != 1 || node.attributes.size() != 1) {
      return bad_input(join(what, " has ", proto.output_size(), " outputs and ", node.attributes.size(),
                            " attributes; one of each is expected"));
    }
    struct ToTensor {
      static Tensor list(graph::ElementType type, const void* data, size_t count, bool scalar) {
        Tensor tensor = Tensor::zeros(type, scalar ? std::vector<int64_t>{} : std::vector{static_cast<int64_t>(count)});
        if (count > 0) std::memcpy(tensor.bytes.data(), data, tensor.bytes.size());
        return tensor;
      }
      std::optional<Tensor> operator()(Tensor& tensor) const { return std::move(tensor); }
      std::optional<Tensor> operator()(int64_t value) const { return list(graph::ElementType::i64, &value, 1, true); }
      std::optional<Tensor> operator()(float value) const { return list(graph::ElementType::f32, &value, 1, true); }
      std::optional<Tensor> operator()(const std::vector<int64_t>& values) const {
        return list(graph::ElementType::i64, values.data(), values.size(), false);
      }
      std::optional<Tensor> operator()(const std::vector<float>& values) const {
        return list(graph::ElementType::f32, values.data(), values.size(), false);
      }
      std::optional<Tensor> operator()(const std::string&) const { return std::nullopt; }
      std::optional<Tensor> operator()(const std::vector<std::string>&) const { return std::nullopt; }
    };
    auto tensor = std::visit(ToTensor{}, node.attributes.begin()->second);
    if (!tensor) return bad_input(join(what, " holds text, which can't be computed with"));
    return add_constant(proto.output(0), "a constant", std::move(*tensor));
  }

  Status read_outputs(const onnx::ModelProto& model) {
    if (model.graph().output_size() == 0) return bad_input(join(where(), "has no outputs"));
    for (const onnx::ValueInfoProto& info : model.graph().output()) {
      const ValueId id = values_.find(info.name());
      if (id == kNoValue) return bad_input(join(where(), "the output ", visible(info.name()), " is made by no node"));
      graph_.outputs.push_back(id);
      if (Status declared = values_.declare(id, info); !declared) return declared;
    }
    return success();
  }

  /// What files say of values in between. Of names that no node makes any more they say nothing.
  Status read_declared(const onnx::ModelProto& model) {
    for (const onnx::ValueInfoProto& info : model.graph().value_info()) {
      const ValueId id = values_.find(info.name());
      if (id == kNoValue) continue;
      if (Status declared = values_.declare(id, info); !declared) return declared;
    }
    return success();
  }

  const Source& source_;
  Graph graph_;
  Values values_;
};

Result<Graph> parse(std::string_view bytes, const Source& source) {
  if (bytes.size() > INT_MAX) {
    return bad_input(join(source.origin, ": has ", bytes.size(), " bytes; protobuf reads at most 2 GB"),
                     "keep the weights as external data");
  }
  onnx::ModelProto model;
  google::protobuf::io::ArrayInputStream stream(bytes.data(), static_cast<int>(bytes.size()));
  google::protobuf::io::CodedInputStream coded(&stream);
  if (!model.ParseFromCodedStream(&coded) || !coded.ConsumedEntireMessage()) {
    return bad_input(join(source.origin, ": isn't an ONNX model: its protobuf message ends or breaks off near byte ",
                          coded.CurrentPosition(), " of ", bytes.size()),
                     "the file may be truncated");
  }
  return Reader(source).read(model);
}

}  // namespace

Result<Graph> parse_onnx(std::string_view bytes, const std::string& origin, const std::string& folder) {
  return load::guarded(origin, [&] { return parse(bytes, {origin, folder}); });
}

Result<Graph> read_onnx(const std::string& path) {
  return load::guarded(path, [&]() -> Result<Graph> {
    const auto bytes = load::read_file(path);
    if (!bytes) return bytes.error();
    const std::filesystem::path folder = std::filesystem::path(path).parent_path();
    return parse(*bytes, {path, folder.empty() ? "." : folder.string()});
  });
}

}  // namespace sparsmith::onnx_reader

/// \file
/// Operators as they run: ONNX nodes made ready for inputs of known types and shapes. Tensors are plain, in C order.
/// Most are memory-bound and written plainly; products and convolutions with constant weights are the compiler's
/// business, and those here serve as its reference and for what it doesn't take.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "sparsmith/result.h"

namespace sparsmith::ops {

/// An input or output as far as it is known before anything runs.
struct Type {
  graph::ElementType element = graph::ElementType::f32;
  std::vector<int64_t> shape;
  const graph::Tensor* constant = nullptr;  ///< its elements, where they are known; not owned

  int64_t size() const;  ///< elements
};
std::string describe(const Type& type);  ///< "float32 [1, 64, 56, 56]"

/// Made for one node and one set of input shapes. run() may be called from many threads at once.
class Operator {
 public:
  virtual ~Operator() = default;

  /// One for each output of the node, also of those that nobody reads.
  const std::vector<Type>& outputs() const { return outputs_; }

  /// Computes outputs from inputs, which are laid out as their types say; entries of absent optional inputs and of
  /// outputs that nobody wants are null. Outputs don't overlap inputs. Throws nothing but std::bad_alloc: some keep
  /// short lists of indices.
  virtual void run(std::span<const void* const> inputs, std::span<void* const> outputs) const = 0;

  /// The elements of an output where they follow from the types of the inputs alone, as those of Shape do; of the type
  /// that outputs() says.
  virtual std::optional<graph::Tensor> known([[maybe_unused]] size_t output) const { return std::nullopt; }

 protected:
  std::vector<Type> outputs_;
};

/// Prepares a node. `inputs` has an entry for each of node.inputs; absent ones are empty. bad_input: an unknown
/// operator (supported() lists those that are), wrong numbers, types or shapes of inputs, attributes that are missing
/// or wrong; the message says whose. Makes nothing large.
Result<std::unique_ptr<Operator>> make(const graph::Graph& graph, const graph::Node& node,
                                       std::span<const std::optional<Type>> inputs);

/// ONNX's operators that make() knows: "Add", "Conv", ... in alphabetical order.
std::vector<std::string> supported();
/// Whether make() knows the node's operator, be it ONNX's or of the domain of layers (layer.h).
bool is_supported(const graph::Node& node);

}  // namespace sparsmith::ops

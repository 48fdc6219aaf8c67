/// \file
/// How passes look at nodes: attributes, constants, operands in either order, and whether what a match covers is read
/// by nobody else.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "passes/editor.h"

namespace sparsmith::passes {

int64_t integer(const graph::Node& node, std::string_view name, int64_t otherwise);
float number(const graph::Node& node, std::string_view name, float otherwise);
std::string text(const graph::Node& node, std::string_view name, const std::string& otherwise);
std::vector<int64_t> integers(const graph::Node& node, std::string_view name, std::vector<int64_t> otherwise = {});

inline bool is(const graph::Node& node, std::string_view op) { return node.domain.empty() && node.op == op; }
graph::ValueId input(const graph::Node& node, size_t index);  ///< kNoValue where it isn't there

/// Constant integers; none where it is something else.
std::optional<std::vector<int64_t>> constant_integers(const Editor& editor, graph::ValueId id);
/// A constant of one float32.
std::optional<double> scalar(const Editor& editor, graph::ValueId id);
/// Whether it is one, and that number up to rounding.
bool is_scalar(const Editor& editor, graph::ValueId id, double value);
/// One float for each of `channels` from a constant whose other dimensions are 1, read along `axis_from_end` (0: the
/// last) of a tensor of that rank; none if it has other dimensions or more than the tensor.
std::optional<std::vector<float>> per_channel(const Editor& editor, graph::ValueId id, int64_t channels, size_t rank,
                                              size_t axis_from_end);

/// The other operand of a node with two, if `id` is one of them.
std::optional<graph::ValueId> other_operand(const graph::Node& node, graph::ValueId id);
/// The operand that isn't a scalar, where the other one is that number; of Div and Sub, the number must be the second.
std::optional<graph::ValueId> beside_scalar(const Editor& editor, const graph::Node& node, double value);

struct Bounds {
  float lo, hi;
};
/// Of a Clip node; none where they are computed or in the wrong order.
std::optional<Bounds> clip_bounds(const Editor& editor, const graph::Node& node);

/// A product of values and constants, as Mul and Div nodes in any order make it.
struct Product {
  double scalar = 1;
  std::vector<graph::ValueId> factors;
  std::vector<size_t> nodes;  ///< that make it, the last of them first
};
/// Of the node at that place; nodes within must have no other reader. At most a few factors: empty if there are more.
Product product_at(const Editor& editor, size_t place);
/// The same of a value; one factor if no product makes it.
Product product_of(const Editor& editor, graph::ValueId id);

/// Whether the values that `inner` nodes make are read by them and the node at `last` only, each inner node once.
bool is_closed(const Editor& editor, std::span<const size_t> inner, size_t last);
/// Puts a node of that operator, reading `inputs`, in place of the last one and removes the inner ones.
void replace(Editor& editor, std::span<const size_t> inner, size_t last, graph::Node node);

}  // namespace sparsmith::passes

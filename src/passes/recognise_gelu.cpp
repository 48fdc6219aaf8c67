#include <algorithm>
#include <cmath>

#include "ops/layer.h"
#include "passes/match.h"
#include "passes/steps.h"

namespace sparsmith::passes {

using graph::Node;
using graph::ValueId;

namespace {

const double kRootOfTwo = std::sqrt(2.0), kRootOfTwoByPi = std::sqrt(2 / std::acos(-1.0));
constexpr double kCube = 0.044715;

bool is_near(double a, double b) { return std::fabs(a - b) <= 1e-6 * std::fabs(b); }

void append(std::vector<size_t>& to, const std::vector<size_t>& more) { to.insert(to.end(), more.begin(), more.end()); }

/// Whether a value is factor * x^power, as a product or a power; the nodes that make it so are appended.
bool is_power(const Editor& editor, ValueId id, ValueId x, int power, double factor, std::vector<size_t>& nodes) {
  const Product product = product_of(editor, id);
  append(nodes, product.nodes);
  int found = 0;
  for (ValueId one : product.factors) {
    if (one == x) {
      ++found;
      continue;
    }
    const auto pow = editor.maker(one, "Pow");
    const auto exponent = pow ? scalar(editor, editor.node(*pow).inputs[1]) : std::nullopt;
    if (!exponent || editor.node(*pow).inputs[0] != x || (*exponent != 2 && *exponent != 3)) return false;
    found += static_cast<int>(*exponent);
    nodes.push_back(*pow);
  }
  return found == power && is_near(product.scalar, factor);
}

/// Whether a value is sqrt(2 / pi) * (x + 0.044715 x^3), the x in front of the bracket or in it.
bool is_tanh_argument(const Editor& editor, ValueId id, ValueId x, std::vector<size_t>& nodes) {
  const Product product = product_of(editor, id);
  if (!is_near(product.scalar, kRootOfTwoByPi)) return false;
  append(nodes, product.nodes);
  std::vector<ValueId> factors = product.factors;
  const auto in_front = std::find(factors.begin(), factors.end(), x);
  const bool outside = in_front != factors.end();
  if (outside) factors.erase(in_front);
  if (factors.size() != 1) return false;
  const auto add = editor.maker(factors[0], "Add");
  if (!add) return false;
  nodes.push_back(*add);
  const auto rest = outside ? beside_scalar(editor, editor.node(*add), 1) : other_operand(editor.node(*add), x);
  return rest && is_power(editor, *rest, x, outside ? 2 : 3, kCube, nodes);
}

/// "none" or "tanh" where a value is 1 + Erf or 1 + Tanh of x.
const char* form_of(const Editor& editor, ValueId id, ValueId x, std::vector<size_t>& nodes) {
  const auto add = editor.maker(id, "Add");
  const auto curve = add ? beside_scalar(editor, editor.node(*add), 1) : std::nullopt;
  if (!curve) return nullptr;
  nodes.push_back(*add);
  if (const auto erf = editor.maker(*curve, "Erf")) {
    nodes.push_back(*erf);
    const Product argument = product_of(editor, editor.node(*erf).inputs[0]);
    append(nodes, argument.nodes);
    const bool right = argument.factors == std::vector{x} && is_near(argument.scalar * kRootOfTwo, 1);
    return right ? "none" : nullptr;
  }
  if (const auto tanh = editor.maker(*curve, "Tanh")) {
    nodes.push_back(*tanh);
    return is_tanh_argument(editor, editor.node(*tanh).inputs[0], x, nodes) ? "tanh" : nullptr;
  }
  return nullptr;
}

void gelu_at(Editor& editor, size_t place) {
  const Product product = product_at(editor, place);
  if (product.factors.size() != 2 || !is_near(product.scalar, 0.5)) return;
  for (const size_t first : {size_t{0}, size_t{1}}) {
    const ValueId x = product.factors[first];
    std::vector<size_t> inner(product.nodes.begin() + 1, product.nodes.end());
    const char* const form = form_of(editor, product.factors[1 - first], x, inner);
    if (form == nullptr || !is_closed(editor, inner, place)) continue;
    if (!editor.facts().same_shape(x, editor.node(place).outputs[0])) continue;
    Node node;
    node.domain = ops::kLayerDomain;
    node.op = "Gelu";
    node.inputs = {x};
    node.attributes["approximate"] = std::string(form);
    replace(editor, inner, place, std::move(node));
    return;
  }
}

}  // namespace

void recognise_gelu(Editor& editor) {
  for (size_t place = 0; place < editor.places(); ++place) {
    if (is(editor.node(place), "Mul") || is(editor.node(place), "Div")) gelu_at(editor, place);
  }
}

}  // namespace sparsmith::passes

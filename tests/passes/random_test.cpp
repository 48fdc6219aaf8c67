// Random models of everything that passes look at, whole and damaged.
#include "activations.h"

namespace sparsmith::test {
namespace {

constexpr unsigned kDamaged = 2000;

/// A chain that branches and joins.
Builder random_model(std::mt19937& random) {
  const auto pick = [&](size_t count) { return static_cast<size_t>(random() % count); };
  Builder b(kOpsets[pick(std::size(kOpsets))]);
  std::vector<ValueId> values{b.input("x", {-1, 3, 4, 4})};
  const auto any = [&] { return values[values.size() - 1 - pick(std::min<size_t>(values.size(), 4))]; };
  const std::vector<int64_t> shapes[] = {{}, {3, 1, 1}, {1, 3, 1, 1}, {4}, {1, 1, 4, 4}};
  for (int i = 0; i < 12; ++i) {
    const ValueId x = any();
    ValueId y = x;
    switch (pick(8)) {
      case 0:
      case 1:
        y = conv(b, x);
        break;
      case 2:
        y = b.node("BatchNormalization", {x, b.random({3}), b.random({3}), b.random({3}), b.positive({3})});
        break;
      case 3: {
        constexpr std::array kNames{"Add", "Sub", "Mul", "Div"};
        const ValueId c = b.positive(shapes[pick(std::size(shapes))]);
        const char* const name = kNames[pick(kNames.size())];
        y = b.node(name, pick(2) == 0 || std::string(name) == "Div" ? std::vector{x, c} : std::vector{c, x});
        break;
      }
      case 4:
        y = b.node("Add", {x, any()});
        break;
      case 5:
        y = b.node("Conv", {b.pad(x, {0, 0, 1, 1, 0, 0, 1, 1}), b.random({3, 1, 3, 3})}, {{"group", int64_t{3}}});
        break;
      case 6:
        y = b.node("Identity", {x});
        break;
      default: {
        const Activation& activation = kActivations[pick(std::size(kActivations))];
        if (activation.since <= b.graph.opset) y = activation.make(b, x, true);
      }
    }
    if (y != x) values.push_back(y);
  }
  b.graph.outputs = {values.back()};
  if (pick(3) == 0 && values.size() > 1) b.graph.outputs.push_back(any());
  return b;
}

TEST(Simplify, KeepsWhatRandomModelsCompute) {
  for (unsigned seed = 0; seed < 400 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    check(random_model(random).graph, 2e-5);
  }
}

/// Makes one node another operator, or reads something else, or lack an attribute.
void damage(Graph& graph, std::mt19937& random) {
  const auto pick = [&](size_t count) { return static_cast<size_t>(random() % count); };
  if (graph.nodes.empty()) return;
  const size_t at = pick(graph.nodes.size());
  graph::Node& node = graph.nodes[at];
  constexpr std::array kNames{"Add",  "Mul",       "Div",     "Sub",       "Pow",       "Clip",    "Erf",
                              "Tanh", "Transpose", "Flatten", "Conv",      "MatMul",    "Gemm",    "ConvTranspose",
                              "Relu", "Shape",     "Cast",    "Identity",  "Sigmoid",   "Reshape", "BatchNormalization",
                              "Pad",  "Sqrt",      "PRelu",   "Unsqueeze", "ReduceMean"};
  switch (pick(4)) {
    case 0:
      node.op = kNames[pick(kNames.size())];
      return;
    case 1:
      if (!node.attributes.empty()) node.attributes.erase(node.attributes.begin());
      return;
    case 2:
      node.domain = "sparsmith";
      return;
    default:
      break;
  }
  std::vector<ValueId> there = graph.inputs;
  for (size_t i = 0; i < graph.values.size(); ++i) {
    if (graph.values[i].constant != nullptr) there.push_back(static_cast<ValueId>(i));
  }
  for (size_t i = 0; i < at; ++i)
    there.insert(there.end(), graph.nodes[i].outputs.begin(), graph.nodes[i].outputs.end());
  node.inputs.resize(std::max<size_t>(node.inputs.size(), 1 + pick(3)), kNoValue);
  node.inputs[pick(node.inputs.size())] = there[pick(there.size())];
}

/// Most are nothing that can be evaluated; what can, is what it was.
TEST(Simplify, TakesDamagedModels) {
  size_t sound = 0;
  for (unsigned seed = 0; seed < kDamaged && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    Graph graph = random_model(random).graph;
    for (unsigned i = 0; i <= seed % 3; ++i) damage(graph, random);
    const auto result = passes::simplify(graph);
    if (!result) {
      EXPECT_EQ(result.error().kind, ErrorKind::bad_input);
      continue;
    }
    ++sound;
    expect_sound(*result);
    const std::vector inputs{random_floats({2, 3, 4, 4}, 7)};
    const std::vector<std::vector<int64_t>> shapes{inputs[0].shape};
    if (!ops::Evaluator::create(graph, shapes).ok()) continue;
    const auto before = outputs_of(graph, inputs), after = outputs_of(*result, inputs);
    for (size_t i = 0; i < before.size(); ++i) {
      const bool floating = before[i].type == graph::ElementType::f32;
      const auto values = floating ? before[i].as<float>() : std::span<const float>();
      if (!std::all_of(values.begin(), values.end(), [](float v) { return std::fabs(v) < 1e20f; })) continue;
      EXPECT_LE(relative_error(after[i], before[i]), 1e-3);
    }
  }
  EXPECT_GT(sound, kDamaged / 10);
}

}  // namespace
}  // namespace sparsmith::test

// Operators that exporters write as several: found in every order of operands, and left alone where something differs.
#include "builder.h"

namespace sparsmith::test {
namespace {

enum class Spoil { nothing, output_within, second_reader, constant };
constexpr Spoil kSpoils[] = {Spoil::output_within, Spoil::second_reader, Spoil::constant};

/// What is left of a model of one composite, which `make` builds and tells the inner values of.
template <class Make>
void check_composite(const Make& make, const std::string& expected) {
  for (const int64_t opset : kOpsets) {
    for (const bool fixed : {false, true}) {
      Builder b(opset);
      std::vector<ValueId> inner;
      const ValueId x = b.input("x", {fixed ? 2 : -1, 3, 4});
      b.graph.outputs = {make(b, x, inner, 1.0f)};
      EXPECT_EQ(left_of(b.graph), expected) << opset;
    }
  }
  for (const Spoil spoil : kSpoils) {
    Builder probe;
    std::vector<ValueId> inner;
    make(probe, probe.input("x", {-1, 3, 4}), inner, 1.0f);
    for (size_t i = 0; i < (spoil == Spoil::constant ? 1 : inner.size()); ++i) {
      Builder b;
      std::vector<ValueId> values;
      const ValueId x = b.input("x", {-1, 3, 4});
      const ValueId y = make(b, x, values, spoil == Spoil::constant ? 1.001f : 1.0f);
      b.graph.outputs = {y};
      if (spoil == Spoil::output_within) b.graph.outputs.push_back(values[i]);
      if (spoil == Spoil::second_reader) b.graph.outputs.push_back(b.node("Neg", {values[i]}));
      EXPECT_NE(left_of(b.graph).substr(0, expected.size()), expected)
          << "spoilt in way " << static_cast<int>(spoil) << " at " << i;
    }
  }
}

template <class... More>
ValueId keep(std::vector<ValueId>& inner, ValueId id, More... more) {
  inner.push_back(id);
  (inner.push_back(more), ...);
  return id;
}

TEST(Composites, Silu) {
  for (const bool swapped : {false, true}) {
    const auto make = [&](Builder& b, ValueId x, std::vector<ValueId>& inner, float by) {
      const ValueId of = by == 1 ? x : b.node("Mul", {x, b.number(by)});
      const ValueId s = keep(inner, b.node("Sigmoid", {of}));
      return b.node("Mul", swapped ? std::vector{s, x} : std::vector{x, s});
    };
    check_composite(make, "sparsmith.Silu");
  }
}

TEST(Composites, HardSwish) {
  for (const bool swapped : {false, true}) {
    const auto make = [&](Builder& b, ValueId x, std::vector<ValueId>& inner, float by) {
      const ValueId s = keep(inner, b.node("HardSigmoid", {x}, {{"alpha", by / 6}, {"beta", 0.5f}}));
      return b.node("Mul", swapped ? std::vector{s, x} : std::vector{x, s});
    };
    check_composite(make, "sparsmith.HardSwish");
  }
}

TEST(Composites, HardSwishOfClip) {
  for (int form = 0; form < 12; ++form) {
    const auto make = [&](Builder& b, ValueId x, std::vector<ValueId>& inner, float by) {
      const auto pair = [&](ValueId a, ValueId c) { return form % 2 == 0 ? std::vector{a, c} : std::vector{c, a}; };
      const ValueId add = keep(inner, b.node("Add", pair(x, b.number(3 * by))));
      const ValueId clip = keep(inner, b.clip(add, 0, 6));
      const auto sixth = [&](ValueId of) {
        return form / 2 % 2 == 0 ? b.node("Div", {of, b.number(6)}) : b.node("Mul", pair(of, b.number(1.0f / 6)));
      };
      if (form / 4 == 0) return sixth(keep(inner, b.node("Mul", pair(x, clip))));
      if (form / 4 == 1) return b.node("Mul", pair(x, keep(inner, sixth(clip))));
      return b.node("Mul", pair(clip, keep(inner, sixth(x))));
    };
    check_composite(make, "sparsmith.HardSwish");
  }
}

TEST(Composites, HardSigmoidOfClip) {
  const auto make = [](Builder& b, ValueId x, std::vector<ValueId>& inner, float by) {
    const ValueId add = keep(inner, b.node("Add", {b.number(3), x}));
    return b.node("Div", {keep(inner, b.clip(add, 0, 6 * by)), b.number(6)});
  };
  check_composite(make, "HardSigmoid");
}

TEST(Composites, GeluOfErf) {
  for (int form = 0; form < 24; ++form) {
    const auto make = [&](Builder& b, ValueId x, std::vector<ValueId>& inner, float by) {
      const auto pair = [&](ValueId a, ValueId c) { return form % 2 == 0 ? std::vector{a, c} : std::vector{c, a}; };
      const float root = std::sqrt(2.0f) * by;
      const ValueId argument =
          form / 2 % 2 == 0 ? b.node("Div", {x, b.number(root)}) : b.node("Mul", pair(x, b.number(1 / root)));
      const ValueId erf = b.node("Erf", {keep(inner, argument)});
      const ValueId add = b.node("Add", pair(keep(inner, erf), b.number(1)));
      keep(inner, add);
      const auto half = [&](ValueId of) {
        return form / 12 == 0 ? b.node("Mul", pair(of, b.number(0.5f))) : b.node("Div", {of, b.number(2)});
      };
      if (form / 4 % 3 == 0) return half(keep(inner, b.node("Mul", pair(x, add))));
      if (form / 4 % 3 == 1) return b.node("Mul", pair(x, keep(inner, half(add))));
      return b.node("Mul", pair(keep(inner, half(x)), add));
    };
    check_composite(make, "sparsmith.Gelu");
  }
}

TEST(Composites, GeluOfTanh) {
  for (int form = 0; form < 16; ++form) {
    const auto make = [&](Builder& b, ValueId x, std::vector<ValueId>& inner, float by) {
      const auto pair = [&](ValueId a, ValueId c) { return form % 2 == 0 ? std::vector{a, c} : std::vector{c, a}; };
      const auto times = [&](ValueId a, ValueId c) { return keep(inner, b.node("Mul", pair(a, c))); };
      const ValueId factor = b.number(0.044715f * by), root = b.number(0.7978845608f);
      ValueId argument = kNoValue;
      if (form / 2 % 2 == 0) {
        const ValueId cube = form / 4 % 2 == 0 ? keep(inner, b.node("Pow", {x, b.number(3)})) : times(times(x, x), x);
        argument = times(keep(inner, b.node("Add", pair(x, times(cube, factor)))), root);
      } else {
        const ValueId square = form / 4 % 2 == 0 ? keep(inner, b.node("Pow", {x, b.number(2)})) : times(x, x);
        argument = times(times(x, root), keep(inner, b.node("Add", pair(times(square, factor), b.number(1)))));
      }
      const ValueId curve = keep(inner, b.node("Tanh", {argument}));
      const ValueId add = keep(inner, b.node("Add", pair(b.number(1), curve)));
      if (form / 8 == 0) return b.node("Mul", pair(times(x, b.number(0.5f)), add));
      return b.node("Mul", pair(times(x, add), b.number(0.5f)));
    };
    check_composite(make, "sparsmith.Gelu");
    Builder b;
    std::vector<ValueId> inner;
    b.graph.outputs = {make(b, b.input("x", {-1, 3, 4}), inner, 1)};
    EXPECT_EQ(text_of(only_node(check(b.graph)), "approximate"), "tanh");
  }
}

/// The usual nodes; `form` chooses between the ways to write them.
ValueId normalised(Builder& b, ValueId x, const std::vector<int64_t>& axes, int form, std::vector<ValueId>& inner,
                   float power = 2) {
  const ValueId mean = keep(inner, b.mean(x, axes)), centred = keep(inner, b.node("Sub", {x, mean}));
  // Some exporters subtract the mean once for the squares and once more.
  const ValueId again = form / 4 % 2 == 0 ? centred : keep(inner, b.node("Sub", {x, mean}));
  const ValueId square =
      keep(inner, form % 2 == 0 ? b.node("Pow", {again, b.number(power)}) : b.node("Mul", {again, again}));
  const ValueId variance = keep(inner, b.mean(square, axes)), epsilon = b.number(1e-3f);
  const ValueId sum =
      keep(inner, b.node("Add", form % 2 == 0 ? std::vector{variance, epsilon} : std::vector{epsilon, variance}));
  const ValueId root = keep(inner, b.node("Sqrt", {sum}));
  if (form / 2 % 2 == 0) return b.node("Div", {centred, root});
  return b.node("Mul", {keep(inner, b.node("Reciprocal", {root})), centred});
}

TEST(Composites, LayerNormalizationWithScaleAndShift) {
  for (int form = 0; form < 8; ++form) {
    const auto make = [&](Builder& b, ValueId x, std::vector<ValueId>& inner, float by) {
      const ValueId n = keep(inner, normalised(b, x, {-1}, form & ~(by == 1 ? 0 : 1), inner, 2 * by));
      const ValueId scaled = keep(inner, b.node("Mul", {n, b.random({4})}));
      return b.node("Add", {b.random({1, 1, 4}), scaled});
    };
    // A second reader of the normalised or scaled values leaves a smaller LayerNormalization, and the rest behind it.
    Builder b;
    std::vector<ValueId> inner;
    b.graph.outputs = {make(b, b.input("x", {-1, 3, 4}), inner, 1)};
    EXPECT_EQ(left_of(b.graph), "sparsmith.LayerNormalization");
    for (size_t i = 0; i < inner.size(); ++i) {
      Builder spoilt;
      std::vector<ValueId> values;
      spoilt.graph.outputs = {make(spoilt, spoilt.input("x", {-1, 3, 4}), values, 1)};
      spoilt.graph.outputs.push_back(values[i]);
      const std::string left = left_of(spoilt.graph);
      if (i + 2 == inner.size()) {
        EXPECT_EQ(left, "Add Mul sparsmith.LayerNormalization");
      } else if (i + 1 == inner.size()) {
        EXPECT_EQ(left, "Add sparsmith.LayerNormalization");
      } else {
        EXPECT_EQ(left.find("LayerNormalization"), std::string::npos) << i;
      }
    }
    Builder cubed;
    std::vector<ValueId> values;
    const ValueId x = cubed.node("Abs", {cubed.input("x", {-1, 3, 4})});
    cubed.graph.outputs = {normalised(cubed, x, {-1}, form & ~1, values, 4)};
    EXPECT_EQ(left_of(cubed.graph).find("LayerNormalization"), std::string::npos);
  }
}

TEST(Composites, LayerNormalizationAlone) {
  for (const int64_t opset : kOpsets) {
    for (const std::vector<int64_t>& axes : {std::vector<int64_t>{2}, {-1}, {1, 2}, {-1, -2}}) {
      Builder b(opset);
      std::vector<ValueId> inner;
      b.graph.outputs = {normalised(b, b.input("x", {-1, 3, 4}), axes, 0, inner)};
      EXPECT_EQ(left_of(b.graph), "sparsmith.LayerNormalization");
    }
  }
}

TEST(Composites, LayerNormalizationOverOtherAxesStays) {
  const auto left = [](const std::vector<int64_t>& first, const std::vector<int64_t>& second) {
    Builder b;
    const ValueId x = b.input("x", {-1, 3, 3}), centred = b.node("Sub", {x, b.mean(x, first)});
    const ValueId variance = b.mean(b.node("Mul", {centred, centred}), second);
    b.graph.outputs = {b.node("Div", {centred, b.node("Sqrt", {b.node("Add", {variance, b.number(1e-5f)})})})};
    return left_of(b.graph);
  };
  EXPECT_EQ(left({2}, {2}), "sparsmith.LayerNormalization");
  EXPECT_EQ(left({1}, {1}).find("LayerNormalization"), std::string::npos);
  EXPECT_EQ(left({2}, {1}).find("LayerNormalization"), std::string::npos);
}

TEST(Composites, ScalesThatDifferFromRowToRowStay) {
  Builder b;
  std::vector<ValueId> inner;
  const ValueId n = normalised(b, b.input("x", {-1, 3, 4}), {-1}, 0, inner);
  b.graph.outputs = {b.node("Add", {b.node("Mul", {n, b.random({3, 1})}), b.number(2)})};
  EXPECT_EQ(left_of(b.graph), "Add Mul sparsmith.LayerNormalization");
}

}  // namespace
}  // namespace sparsmith::test

// Pad in its modes, against each element looked up by itself.
#include "run_node.h"

namespace sparsmith::test {
namespace {

using testing::ElementsAre;
using Shape = std::vector<int64_t>;

graph::Tensor list(const Shape& values) { return longs({static_cast<int64_t>(values.size())}, values); }

std::vector<float> padded(const std::string& mode, int64_t before, int64_t after, int64_t opset = 19) {
  return elements<float>(result_of({.op = "Pad",
                                    .inputs = {floats({4}, {1, 2, 3, 4}), list({before, after})},
                                    .attributes = {{"mode", mode}},
                                    .opset = opset}));
}

TEST(Pad, Modes) {
  EXPECT_THAT(padded("constant", 1, 2), ElementsAre(0, 1, 2, 3, 4, 0, 0));
  EXPECT_THAT(padded("edge", 1, 2), ElementsAre(1, 1, 2, 3, 4, 4, 4));
  EXPECT_THAT(padded("reflect", 2, 1), ElementsAre(3, 2, 1, 2, 3, 4, 3));
  EXPECT_THAT(padded("reflect", 0, 7), ElementsAre(1, 2, 3, 4, 3, 2, 1, 2, 3, 4, 3));
  EXPECT_THAT(padded("wrap", 2, 1), ElementsAre(3, 4, 1, 2, 3, 4, 1));
  EXPECT_THAT(padded("constant", -1, 1), ElementsAre(2, 3, 4, 0));
  EXPECT_THAT(padded("reflect", 2, -1), ElementsAre(3, 2, 1, 2, 3));
  EXPECT_THAT(padded("edge", -3, 1), ElementsAre(4, 4));
  EXPECT_THAT(padded("constant", -4, 2), ElementsAre(0, 0));
}

TEST(Pad, EachDimensionOfFour) {
  // Neighbours that aren't padded are handled as one: every choice of padded dimensions.
  graph::Tensor x = graph::Tensor::zeros(graph::ElementType::f32, {2, 3, 2, 3});
  for (size_t i = 0; i < 36; ++i) x.as<float>()[i] = static_cast<float>(i + 1);
  for (int choice = 0; choice < 16; ++choice) {
    for (const char* mode : {"constant", "edge"}) {
      Shape before(4), after(4), shape = x.shape, pads;
      for (size_t d = 0; d < 4; ++d) {
        if ((choice >> d & 1) == 0) continue;
        before[d] = static_cast<int64_t>(d % 2) + 1;
        after[d] = d == 2 ? -1 : 2;
        shape[d] += before[d] + after[d];
      }
      pads = before;
      pads.insert(pads.end(), after.begin(), after.end());
      const auto y = result_of(
          {.op = "Pad", .inputs = {x, list(pads), floats({}, {-5})}, .attributes = {{"mode", std::string(mode)}}});
      ASSERT_EQ(y.shape, shape);
      for (int64_t i = 0; i < y.size(); ++i) {
        int64_t rest = i, from = 0, stride = 1;
        bool inside = true;
        for (size_t d = 4; d-- > 0; rest /= shape[d], stride *= x.shape[d]) {
          const int64_t place = rest % shape[d] - before[d], end = x.shape[d] + std::min<int64_t>(after[d], 0);
          inside = inside && place >= 0 && place < end;
          from += std::clamp<int64_t>(place, 0, end - 1) * stride;
        }
        const float right = inside || mode[0] == 'e' ? x.as<float>()[static_cast<size_t>(from)] : -5;
        ASSERT_EQ(y.as<float>()[static_cast<size_t>(i)], right) << mode << " " << graph::shape_text(pads) << " " << i;
      }
    }
  }
}

TEST(Pad, FormsOfItsOpsets) {
  const auto x = floats({1, 2}, {1, 2});
  EXPECT_THAT(
      elements<float>(result_of(
          {.op = "Pad", .inputs = {x}, .attributes = {{"pads", Shape{0, 1, 0, 0}}, {"value", 7.5f}}, .opset = 9})),
      ElementsAre(7.5f, 1, 2));
  const auto half = tensor_of<uint16_t>(graph::ElementType::f16, {1}, {0x3c00});
  EXPECT_THAT(
      elements<uint16_t>(result_of(
          {.op = "Pad", .inputs = {half}, .attributes = {{"pads", Shape{1, 0}}, {"value", -2.0f}}, .opset = 9})),
      ElementsAre(0xc000, 0x3c00));
  EXPECT_THAT(elements<int64_t>(result_of({.op = "Pad", .inputs = {longs({1}, {3}), list({1, 1}), longs({}, {-1})}})),
              ElementsAre(-1, 3, -1));
  EXPECT_THAT(
      elements<float>(result_of({.op = "Pad", .inputs = {x, list({1, 0}), std::nullopt, list({-1})}, .opset = 18})),
      ElementsAre(0, 1, 2));
  EXPECT_EQ(result_of({.op = "Pad", .inputs = {floats({}, {4}), list({})}}), floats({}, {4}));
  EXPECT_EQ(result_of({.op = "Pad", .inputs = {floats({0, 2}, {}), list({1, 0, 0, 0})}}), floats({1, 2}, {0, 0}));
}

TEST(Pad, Mistakes) {
  const auto x = floats({2}, {1, 2});
  expect_bad({.op = "Pad", .inputs = {x, list({1})}}, "has 1 pads");
  expect_bad({.op = "Pad", .inputs = {x, list({-2, -1})}}, "is impossible");
  expect_bad({.op = "Pad", .inputs = {x, list({INT64_MIN, 0})}}, "is impossible");
  expect_bad({.op = "Pad", .inputs = {x, list({INT64_MAX, INT64_MAX})}}, "is impossible");
  expect_bad({.op = "Pad", .inputs = {x, list({int64_t{1} << 41, 0})}}, "more than any memory");
  expect_bad({.op = "Pad", .inputs = {x, list({1, 1}), longs({}, {0})}}, "one element of its type");
  expect_bad({.op = "Pad", .inputs = {x, list({1, 1})}, .attributes = {{"mode", std::string("mirror")}}}, "are known");
  expect_bad({.op = "Pad", .inputs = {x, list({1, 1})}, .attributes = {{"mode", std::string("wrap")}}}, "are known");
  expect_bad({.op = "Pad", .inputs = {x, list({-2, 1})}, .attributes = {{"mode", std::string("edge")}}},
             "none is left");
  expect_bad({.op = "Pad", .inputs = {x}, .opset = 9}, "lacks its pads");
}

}  // namespace
}  // namespace sparsmith::test

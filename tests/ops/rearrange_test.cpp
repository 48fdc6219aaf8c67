// Operators that copy elements from one layout into another, against index arithmetic written the slow way.
#include <numeric>

#include "run_node.h"

namespace sparsmith::test {
namespace {

using testing::ElementsAre;
using Shape = std::vector<int64_t>;

graph::Tensor counted(const Shape& shape) {
  graph::Tensor tensor = graph::Tensor::zeros(graph::ElementType::f32, shape);
  std::iota(tensor.as<float>().begin(), tensor.as<float>().end(), 0.0f);
  return tensor;
}
graph::Tensor list(const Shape& values) { return longs({static_cast<int64_t>(values.size())}, values); }

/// Every index of a shape, in C order.
template <class Visit>
void for_each_index(const Shape& shape, const Visit& visit) {
  const int64_t size = std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
  for (int64_t i = 0; i < size; ++i) {
    Shape index(shape.size());
    int64_t rest = i;
    for (size_t d = shape.size(); d-- > 0; rest /= shape[d]) index[d] = rest % shape[d];
    visit(i, index);
  }
}
float at(const graph::Tensor& tensor, const Shape& index) {
  int64_t i = 0;
  for (size_t d = 0; d < index.size(); ++d) i = i * tensor.shape[d] + index[d];
  return tensor.as<float>()[static_cast<size_t>(i)];
}
/// y[index] must be x[from(index)].
template <class From>
void expect_from(const graph::Tensor& x, const graph::Tensor& y, const From& from) {
  for_each_index(y.shape, [&](int64_t i, const Shape& index) {
    ASSERT_EQ(y.as<float>()[static_cast<size_t>(i)], at(x, from(index))) << graph::shape_text(index);
  });
}

TEST(Rearrange, TransposeInEveryOrder) {
  // The sides are no multiples of the squares that it works by.
  for (const Shape& shape : {Shape{3, 18, 2, 35}, Shape{2, 1, 17, 5}, Shape{1, 33, 20, 1}}) {
    const graph::Tensor x = counted(shape);
    Shape order = {0, 1, 2, 3};
    do {
      const auto y = result_of({.op = "Transpose", .inputs = {x}, .attributes = {{"perm", order}}});
      expect_from(x, y, [&](const Shape& index) {
        Shape from(4);
        for (size_t d = 0; d < 4; ++d) from[static_cast<size_t>(order[d])] = index[d];
        return from;
      });
    } while (std::next_permutation(order.begin(), order.end()));
  }
  EXPECT_EQ(result_of({.op = "Transpose", .inputs = {counted({2, 3, 4})}}).shape, (Shape{4, 3, 2}));
  EXPECT_THAT(elements<uint8_t>(result_of({.op = "Transpose", .inputs = {booleans({2, 2}, {1, 0, 1, 1})}})),
              ElementsAre(1, 1, 0, 1));
  expect_bad({.op = "Transpose", .inputs = {counted({2, 3})}, .attributes = {{"perm", Shape{0, 0}}}}, "perm = [0, 0]");
}

TEST(Rearrange, ConcatIsWhatSplitTookApart) {
  for (const int64_t axis : {0, 1, -1}) {
    for (const int64_t opset : {11, 13, 18}) {
      const graph::Tensor x = counted({6, 6, 6});
      NodeCase split{.op = "Split", .inputs = {x}, .attributes = {{"axis", axis}}, .outputs = 3, .opset = opset};
      if (opset < 13) {
        split.attributes["split"] = Shape{1, 0, 5};
      } else {
        split.inputs.emplace_back(list({1, 0, 5}));
      }
      const auto parts = run_node(split);
      ASSERT_TRUE(parts.ok()) << parts.error().message;
      const size_t d = axis < 0 ? 2 : static_cast<size_t>(axis);
      EXPECT_EQ((*parts)[2].shape[d], 5);
      expect_from(x, (*parts)[2], [&](Shape index) {
        ++index[d];
        return index;
      });
      EXPECT_EQ(
          result_of(
              {.op = "Concat", .inputs = {(*parts)[0], (*parts)[1], (*parts)[2]}, .attributes = {{"axis", axis}}}),
          x);
    }
  }
}

TEST(Rearrange, SplitIntoEqualParts) {
  const auto sizes = [](const NodeCase& node) {
    Shape result;
    const auto parts = run_node(node);
    for (const auto& part : parts.value()) result.push_back(part.shape[0]);
    return result;
  };
  EXPECT_THAT(sizes({.op = "Split", .inputs = {counted({6})}, .outputs = 3, .opset = 13}), ElementsAre(2, 2, 2));
  EXPECT_THAT(sizes({.op = "Split",
                     .inputs = {counted({7})},
                     .attributes = {{"num_outputs", int64_t{3}}},
                     .outputs = 3,
                     .opset = 18}),
              ElementsAre(3, 3, 1));
  expect_bad({.op = "Split", .inputs = {counted({7})}, .outputs = 3, .opset = 13}, "splits 7 into");
  expect_bad({.op = "Split", .inputs = {counted({5})}, .outputs = 4, .opset = 18}, "splits 5 into");
  expect_bad({.op = "Split", .inputs = {counted({7}), list({INT64_MAX, INT64_MAX, 9})}, .outputs = 3}, "splits 7 into");
  expect_bad({.op = "Concat", .inputs = {counted({2, 3}), counted({3, 2})}, .attributes = {{"axis", int64_t{0}}}},
             "everything else must be equal");
  expect_bad({.op = "Concat", .inputs = {counted({2})}}, "lacks its attribute axis");
  expect_bad({.op = "Concat", .inputs = {counted({2})}, .attributes = {{"axis", int64_t{1}}}}, "axis 1");
}

TEST(Rearrange, SliceForwardsAndBackwards) {
  const graph::Tensor x = counted({5, 7});
  for (const int64_t step : {1, 2, -1, -3}) {
    for (int64_t start = -9; start <= 9; ++start) {
      for (int64_t end = -9; end <= 9; ++end) {
        // The positions one after another, as the specification has them.
        const auto place = [&](int64_t p, int64_t least, int64_t most) {
          return std::clamp(p < 0 ? p + 7 : p, least, most);
        };
        std::vector<float> right;
        const int64_t first = step > 0 ? place(start, 0, 7) : place(start, 0, 6);
        const int64_t last = step > 0 ? place(end, 0, 7) : place(end, -1, 6);
        for (int64_t row : {1, 2}) {
          for (int64_t p = first; step > 0 ? p < last : p > last; p += step) {
            right.push_back(static_cast<float>(row * 7 + p));
          }
        }
        const auto y =
            result_of({.op = "Slice", .inputs = {x, list({start, 1}), list({end, 3}), list({-1, 0}), list({step, 1})}});
        ASSERT_EQ(elements<float>(y), right) << start << " to " << end << " by " << step;
      }
    }
  }
  constexpr int64_t kMost = INT64_MAX, kLeast = INT64_MIN;
  EXPECT_THAT(elements<float>(
                  result_of({.op = "Slice", .inputs = {x, list({kMost}), list({kLeast}), list({0}), list({kLeast})}})),
              ElementsAre(28, 29, 30, 31, 32, 33, 34));
  EXPECT_THAT(elements<float>(result_of({.op = "Slice",
                                         .inputs = {x},
                                         .attributes = {{"starts", Shape{4, 5}}, {"ends", Shape{kMost, kMost}}},
                                         .opset = 9})),
              ElementsAre(33, 34));
  expect_bad({.op = "Slice", .inputs = {x, list({0}), list({1}), list({0}), list({0})}}, "step of 0");
  expect_bad({.op = "Slice", .inputs = {x, list({0, 0}), list({1, 1}), list({1, -1})}}, "axis -1 twice");
  expect_bad({.op = "Slice", .inputs = {x, list({0}), list({1}), list({2})}}, "axis 2 of 2");
  expect_bad({.op = "Slice", .inputs = {x, list({0}), list({1, 2})}}, "different lengths");
  expect_bad({.op = "Slice", .inputs = {x, list({0}), list({1})}, .constants = false}, "must be a constant");
}

TEST(Rearrange, ExpandAndTile) {
  const graph::Tensor x = counted({3, 1, 2});
  const auto wide = result_of({.op = "Expand", .inputs = {x, list({2, 1, 4, 1})}});
  EXPECT_EQ(wide.shape, (Shape{2, 3, 4, 2}));
  expect_from(x, wide, [](const Shape& i) { return Shape{i[1], 0, i[3]}; });
  const auto tiled = result_of({.op = "Tile", .inputs = {x, list({2, 3, 2})}});
  EXPECT_EQ(tiled.shape, (Shape{6, 3, 4}));
  expect_from(x, tiled, [](const Shape& i) { return Shape{i[0] % 3, 0, i[2] % 2}; });
  EXPECT_EQ(result_of({.op = "Tile", .inputs = {x, list({1, 0, 1})}}).shape, (Shape{3, 0, 2}));
  expect_bad({.op = "Expand", .inputs = {x, list({4, 1, 2})}}, "can't stretch");
  expect_bad({.op = "Expand", .inputs = {x, list({3, -1, 2})}}, "more than any memory");
  expect_bad({.op = "Expand", .inputs = {x, list({3, int64_t{1} << 40, 2})}}, "more than any memory");
  expect_bad({.op = "Tile", .inputs = {x, list({INT64_MAX, 1, 2})}}, "can't repeat");
  expect_bad({.op = "Tile", .inputs = {x, list({1, -1, 2})}}, "can't repeat");
  expect_bad({.op = "Tile", .inputs = {x, list({2})}}, "one for each dimension");
}

TEST(Rearrange, DepthToSpaceAndBack) {
  const graph::Tensor x = counted({2, 12, 3, 5});
  const auto dcr = result_of({.op = "DepthToSpace", .inputs = {x}, .attributes = {{"blocksize", int64_t{2}}}});
  EXPECT_EQ(dcr.shape, (Shape{2, 3, 6, 10}));
  expect_from(x, dcr, [](const Shape& i) {
    return Shape{i[0], (i[2] % 2 * 2 + i[3] % 2) * 3 + i[1], i[2] / 2, i[3] / 2};
  });
  EXPECT_EQ(result_of({.op = "SpaceToDepth", .inputs = {dcr}, .attributes = {{"blocksize", int64_t{2}}}}), x);
  const auto crd = result_of(
      {.op = "DepthToSpace", .inputs = {x}, .attributes = {{"blocksize", int64_t{2}}, {"mode", std::string("CRD")}}});
  expect_from(x, crd, [](const Shape& i) {
    return Shape{i[0], i[1] * 4 + i[2] % 2 * 2 + i[3] % 2, i[2] / 2, i[3] / 2};
  });
  expect_bad({.op = "DepthToSpace", .inputs = {x}, .attributes = {{"blocksize", int64_t{5}}}}, "don't divide");
  expect_bad({.op = "DepthToSpace", .inputs = {x}, .attributes = {{"blocksize", INT64_MAX}}}, "1 to 2048");
  expect_bad({.op = "SpaceToDepth", .inputs = {x}, .attributes = {{"blocksize", int64_t{2}}}}, "doesn't divide");
  expect_bad({.op = "SpaceToDepth", .inputs = {counted({2})}, .attributes = {{"blocksize", int64_t{1}}}},
             "4 dimensions");
}

}  // namespace
}  // namespace sparsmith::test

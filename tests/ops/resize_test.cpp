// Resize and Upsample against the specification's formulas in double.
#include <cmath>

#include "run_node.h"

namespace sparsmith::test {
namespace {

using testing::ElementsAre;
using Shape = std::vector<int64_t>;

graph::Tensor list(const Shape& values) { return longs({static_cast<int64_t>(values.size())}, values); }
graph::Tensor scales(const std::vector<float>& values) { return floats({static_cast<int64_t>(values.size())}, values); }
graph::Attribute text(const char* value) { return std::string(value); }

graph::Tensor picture(const Shape& shape) {
  graph::Tensor tensor = graph::Tensor::zeros(graph::ElementType::f32, shape);
  for (size_t i = 0; i < tensor.as<float>().size(); ++i) tensor.as<float>()[i] = std::sin(static_cast<float>(i * i));
  return tensor;
}

double original(const std::string& mode, double x, double in, double out) {
  const double scale = out / in;
  if (mode == "asymmetric") return x / scale;
  if (mode == "align_corners") return out == 1 ? 0 : x * (in - 1) / (out - 1);
  if (mode == "pytorch_half_pixel" && out == 1) return 0;
  return (x + 0.5) / scale - 0.5;
}

double weight(const std::string& mode, double distance) {
  const double d = std::fabs(distance), a = -0.75;
  if (mode == "linear") return std::fmax(0, 1 - d);
  if (d <= 1) return (a + 2) * d * d * d - (a + 3) * d * d + 1;
  return d < 2 ? a * d * d * d - 5 * a * d * d + 8 * a * d - 4 * a : 0;
}

/// The weights of every element along one dimension.
std::vector<double> weights(const std::string& mode, const std::string& coordinates, int64_t at, int64_t in,
                            int64_t out, bool exclude) {
  std::vector<double> result(static_cast<size_t>(in));
  const double x = original(coordinates, double(at), double(in), double(out));
  double sum = 0;
  for (auto i = static_cast<int64_t>(std::floor(x)) - 2; i <= static_cast<int64_t>(std::floor(x)) + 3; ++i) {
    if (exclude && (i < 0 || i >= in)) continue;
    result[static_cast<size_t>(std::clamp<int64_t>(i, 0, in - 1))] += weight(mode, x - double(i));
    sum += weight(mode, x - double(i));
  }
  for (double& one : result) one /= sum;
  return result;
}

TEST(Resize, MeansAgreeWithTheFormulas) {
  const Shape in = {2, 3, 5, 4};
  const graph::Tensor x = picture(in);
  for (const char* mode : {"linear", "cubic"}) {
    for (const char* coordinates : {"half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners"}) {
      // Along the last two, along the middle ones as of NHWC, to single elements, and along three.
      for (const Shape& out : {Shape{2, 3, 10, 8}, Shape{2, 3, 3, 7}, Shape{2, 6, 7, 4}, Shape{2, 3, 1, 1},
                               Shape{2, 4, 3, 9}, Shape{2, 3, 5, 6}, Shape{5, 3, 5, 4}}) {
        for (const bool exclude : {false, true}) {
          const auto y = result_of({.op = "Resize",
                                    .inputs = {x, std::nullopt, std::nullopt, list(out)},
                                    .attributes = {{"mode", text(mode)},
                                                   {"coordinate_transformation_mode", text(coordinates)},
                                                   {"exclude_outside", int64_t{exclude}}}});
          ASSERT_EQ(y.shape, out);
          for (int64_t i = 0; i < y.size(); ++i) {
            std::vector<double> along[4];
            int64_t rest = i;
            for (size_t d = 4; d-- > 0; rest /= out[d]) {
              along[d] = weights(mode, coordinates, rest % out[d], in[d], out[d], exclude);
            }
            double right = 0;
            for (int64_t j = 0; j < x.size(); ++j) {
              double product = x.as<float>()[static_cast<size_t>(j)];
              int64_t from = j;
              for (size_t d = 4; d-- > 0; from /= in[d]) product *= along[d][static_cast<size_t>(from % in[d])];
              right += product;
            }
            ASSERT_NEAR(y.as<float>()[static_cast<size_t>(i)], right, 4e-6)
                << mode << " " << coordinates << " " << graph::shape_text(out) << " " << i;
          }
        }
      }
    }
  }
}

std::vector<float> nearest(int64_t in, const std::vector<float>& scale, const char* coordinates, const char* rounding) {
  std::vector<float> values;
  for (int64_t i = 0; i < in; ++i) values.push_back(static_cast<float>(i));
  return elements<float>(result_of(
      {.op = "Resize",
       .inputs = {floats({in}, values), std::nullopt, scales(scale)},
       .attributes = {{"coordinate_transformation_mode", text(coordinates)}, {"nearest_mode", text(rounding)}}}));
}

TEST(Resize, NearestInItsRoundingModes) {
  // Positions 0, 0.5, 1, 1.5, 2, 2.5.
  EXPECT_THAT(nearest(3, {2}, "asymmetric", "round_prefer_floor"), ElementsAre(0, 0, 1, 1, 2, 2));
  EXPECT_THAT(nearest(3, {2}, "asymmetric", "round_prefer_ceil"), ElementsAre(0, 1, 1, 2, 2, 2));
  EXPECT_THAT(nearest(3, {2}, "asymmetric", "floor"), ElementsAre(0, 0, 1, 1, 2, 2));
  EXPECT_THAT(nearest(3, {2}, "asymmetric", "ceil"), ElementsAre(0, 1, 1, 2, 2, 2));
  // Positions -0.25, 0.25, 0.75, 1.25.
  EXPECT_THAT(nearest(2, {2}, "half_pixel", "round_prefer_floor"), ElementsAre(0, 0, 1, 1));
  EXPECT_THAT(nearest(2, {2}, "half_pixel", "ceil"), ElementsAre(0, 1, 1, 1));
  EXPECT_THAT(nearest(2, {2}, "half_pixel", "floor"), ElementsAre(0, 0, 0, 1));
  EXPECT_THAT(nearest(4, {0.5f}, "half_pixel", "round_prefer_floor"), ElementsAre(0, 2));
  EXPECT_THAT(nearest(4, {0.5f}, "half_pixel", "round_prefer_ceil"), ElementsAre(1, 3));
  EXPECT_THAT(nearest(4, {0.5f}, "tf_half_pixel_for_nn", "floor"), ElementsAre(1, 3));
  EXPECT_THAT(nearest(4, {0.5f}, "align_corners", "floor"), ElementsAre(0, 3));
  EXPECT_THAT(nearest(4, {0.3f}, "pytorch_half_pixel", "floor"), ElementsAre(0));
}

TEST(Resize, NearestOfAnyTypeAlongAnyDimensions) {
  const auto x = longs({2, 2, 1}, {1, 2, 3, 4});
  const auto y = result_of({.op = "Resize", .inputs = {x, std::nullopt, std::nullopt, list({4, 3, 2})}});
  EXPECT_EQ(y, longs({4, 3, 2}, {1, 1, 1, 1, 2, 2, 1, 1, 1, 1, 2, 2, 3, 3, 3, 3, 4, 4, 3, 3, 3, 3, 4, 4}));
  const auto rows = result_of({.op = "Resize", .inputs = {booleans({1, 3}, {1, 0, 1}), std::nullopt, scales({2, 1})}});
  EXPECT_EQ(rows, booleans({2, 3}, {1, 0, 1, 1, 0, 1}));
}

TEST(Resize, FormsOfItsOpsets) {
  const auto x = floats({1, 1, 2, 4}, {1, 2, 3, 4, 5, 6, 7, 8});
  EXPECT_THAT(elements<float>(result_of({.op = "Resize", .inputs = {x, scales({1, 1, 0.6f, 0.6f})}, .opset = 10})),
              ElementsAre(1, 3));
  EXPECT_THAT(elements<float>(result_of({.op = "Upsample", .inputs = {x, scales({1, 1, 1, 1.5f})}, .opset = 9})),
              ElementsAre(1, 1, 2, 3, 3, 4, 5, 5, 6, 7, 7, 8));
  EXPECT_THAT(elements<float>(result_of({.op = "Upsample",
                                         .inputs = {floats({2}, {1, 3}), scales({2})},
                                         .attributes = {{"mode", text("linear")}},
                                         .opset = 9})),
              ElementsAre(1, 2, 3, 3));
  EXPECT_EQ(result_of({.op = "Resize", .inputs = {x, scales({}), scales({}), list({1, 1, 4, 4})}, .opset = 11}).shape,
            (Shape{1, 1, 4, 4}));
  EXPECT_EQ(result_of({.op = "Resize", .inputs = {x, scales({}), scales({1, 1, 2, 3})}, .opset = 13}).shape,
            (Shape{1, 1, 4, 12}));
  const auto kept = [&](const char* policy) {
    return result_of({.op = "Resize",
                      .inputs = {x, std::nullopt, std::nullopt, list({6, 6})},
                      .attributes = {{"axes", Shape{-2, 3}}, {"keep_aspect_ratio_policy", text(policy)}},
                      .opset = 18})
        .shape;
  };
  EXPECT_EQ(kept("stretch"), (Shape{1, 1, 6, 6}));
  EXPECT_EQ(kept("not_larger"), (Shape{1, 1, 3, 6}));
  EXPECT_EQ(kept("not_smaller"), (Shape{1, 1, 6, 12}));
  EXPECT_EQ(result_of({.op = "Resize",
                       .inputs = {x, std::nullopt, scales({1, 1, 1, 1})},
                       .attributes = {{"mode", text("cubic")}},
                       .opset = 19}),
            x);
}

TEST(Resize, RowsLongerThanItsBuffer) {
  std::vector<float> values(9001);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  const auto y =
      result_of({.op = "Resize",
                 .inputs = {floats({9001}, values), std::nullopt, std::nullopt, list({18001})},
                 .attributes = {{"mode", text("linear")}, {"coordinate_transformation_mode", text("align_corners")}}});
  for (size_t i = 0; i < 18001; ++i) ASSERT_NEAR(y.as<float>()[i], static_cast<double>(i) / 2, 2e-3);
  const auto few =
      result_of({.op = "Resize",
                 .inputs = {floats({9001}, values), std::nullopt, std::nullopt, list({4})},
                 .attributes = {{"mode", text("linear")}, {"coordinate_transformation_mode", text("align_corners")}}});
  EXPECT_THAT(elements<float>(few),
              ElementsAre(0, testing::FloatNear(3000, 0.01f), testing::FloatNear(6000, 0.01f), 9000));
}

TEST(Resize, NotANumberStaysThat) {
  const auto y = result_of({.op = "Resize",
                            .inputs = {floats({2}, {NAN, 1}), std::nullopt, scales({2})},
                            .attributes = {{"mode", text("linear")}}});
  EXPECT_TRUE(std::isnan(y.as<float>()[1]));
}

TEST(Resize, Mistakes) {
  const auto x = floats({2, 2}, {1, 2, 3, 4});
  const auto refuse = [&](const std::optional<graph::Tensor>& by, const std::optional<graph::Tensor>& to,
                          const Attributes& attributes, const std::string& part, int64_t opset = 18) {
    expect_bad({.op = "Resize", .inputs = {x, std::nullopt, by, to}, .attributes = attributes, .opset = opset}, part);
  };
  refuse(std::nullopt, std::nullopt, {}, "one of them is expected");
  refuse(scales({1, 1}), list({2, 2}), {}, "one of them is expected");
  refuse(scales({1}), std::nullopt, {}, "1 scales for 2 axes");
  refuse(scales({1, 0}), std::nullopt, {}, "a positive number");
  refuse(scales({1, NAN}), std::nullopt, {}, "a positive number");
  refuse(scales({1, 1e30f}), std::nullopt, {}, "a positive number");
  refuse(scales({1, 2e6f}), std::nullopt, {}, "sizes up to");
  refuse(std::nullopt, list({2, -1}), {}, "no memory holds");
  refuse(std::nullopt, list({INT64_MAX, INT64_MAX}), {}, "no memory holds");
  refuse(std::nullopt, list({2, 3}), {{"coordinate_transformation_mode", text("tf_crop_and_resize")}},
         "isn't supported");
  refuse(std::nullopt, list({2, 3}), {{"antialias", int64_t{1}}}, "antialias");
  refuse(std::nullopt, list({2, 3}), {{"mode", text("area")}}, "mode = \"area\"");
  refuse(std::nullopt, list({2, 3}), {{"nearest_mode", text("up")}}, "nearest_mode");
  refuse(std::nullopt, list({2, 3}), {{"keep_aspect_ratio_policy", text("no")}}, "keep_aspect_ratio_policy");
  expect_bad({.op = "Resize", .inputs = {x, scales({1, 2})}, .attributes = {{"mode", text("cubic")}}, .opset = 10},
             "mode = \"cubic\"");
  expect_bad({.op = "Upsample", .inputs = {x, scales({1, 2})}, .opset = 11}, "Resize took its place");
  expect_bad({.op = "Resize",
              .inputs = {longs({1}, {1}), std::nullopt, scales({2})},
              .attributes = {{"mode", text("linear")}}},
             "float32 is expected");
  expect_bad({.op = "Resize", .inputs = {floats({0}, {}), std::nullopt, std::nullopt, list({2})}}, "from empty ones");
  expect_bad({.op = "Resize",
              .inputs = {picture({2, 2, 2, 2}), std::nullopt, scales({2, 2, 2, 2})},
              .attributes = {{"mode", text("linear")}}},
             "along 4 axes");
}

}  // namespace
}  // namespace sparsmith::test

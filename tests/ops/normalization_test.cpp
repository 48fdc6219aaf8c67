// Normalisations and softmax, against double arithmetic.
#include <cmath>
#include <limits>

#include "random_tensor.h"

namespace sparsmith::test {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN(), kInf = std::numeric_limits<float>::infinity();

TEST(BatchNormalization, OfEveryOpset) {
  const auto x = random_floats({2, 3, 4, 5}, 1);
  const auto scale = random_floats({3}, 2), shift = random_floats({3}, 3), mean = random_floats({3}, 4);
  const auto variance = floats({3}, {0.25f, 0, 4});
  for (const int64_t opset : {9, 14, 15}) {
    const auto y = result_of({.op = "BatchNormalization",
                              .inputs = {x, scale, shift, mean, variance},
                              .attributes = {{"epsilon", 0.01f}},
                              .opset = opset});
    for (int64_t i = 0; i < x.size(); ++i) {
      const int64_t c = i / 20 % 3;
      const double right = (double{x.as<float>()[i]} - double{mean.as<float>()[c]}) * double{scale.as<float>()[c]} /
                               std::sqrt(double{variance.as<float>()[c]} + 0.01) +
                           double{shift.as<float>()[c]};
      ASSERT_NEAR(y.as<float>()[i], right, 1e-6 * (1 + 10 * std::fabs(right)));
    }
  }
  const std::vector<std::optional<graph::Tensor>> inputs = {x, scale, shift, mean, variance};
  expect_bad({.op = "BatchNormalization", .inputs = inputs, .attributes = {{"training_mode", int64_t{1}}}},
             "training form");
  expect_bad({.op = "BatchNormalization", .inputs = inputs, .outputs = 3}, "training form");
  expect_bad({.op = "BatchNormalization", .inputs = {x, scale, shift, mean, random_floats({4}, 1)}}, "for 3 channels");
  expect_bad({.op = "BatchNormalization", .inputs = {x, scale, shift, mean, random_floats({3, 1}, 1)}},
             "1 dimensions are expected");
}

TEST(InstanceNormalization, NormalisesEachImage) {
  const auto scale = random_floats({3}, 2), shift = random_floats({3}, 3);
  const auto x = random_floats({2, 3, 7, 5}, 1);
  const auto y =
      result_of({.op = "InstanceNormalization", .inputs = {x, scale, shift}, .attributes = {{"epsilon", 0.001f}}});
  for (int64_t image = 0; image < 6; ++image) {
    const float* const from = x.as<float>().data() + image * 35;
    double mean = 0, variance = 0;
    for (int64_t i = 0; i < 35; ++i) mean += double{from[i]} / 35;
    for (int64_t i = 0; i < 35; ++i) variance += (double{from[i]} - mean) * (double{from[i]} - mean) / 35;
    for (int64_t i = 0; i < 35; ++i) {
      ASSERT_NEAR(y.as<float>()[image * 35 + i],
                  (double{from[i]} - mean) / std::sqrt(variance + 0.001) * double{scale.as<float>()[image % 3]} +
                      double{shift.as<float>()[image % 3]},
                  4e-6);
    }
  }
}

TEST(LayerNormalization, OnEveryAxisWithAllItsOutputs) {
  const std::vector<int64_t> shape{3, 4, 50};
  auto x = random_floats(shape, 1);
  for (float& value : x.as<float>()) value += 100;  // far from zero, where squares' sums would cancel
  for (int64_t axis = -3; axis < 3; ++axis) {
    const std::vector<int64_t> inner(shape.begin() + (axis < 0 ? axis + 3 : axis), shape.end());
    const auto scale = random_floats(inner, 2), shift = random_floats(inner, 3);
    for (const bool shifted : {false, true}) {
      NodeCase node{.op = "LayerNormalization",
                    .inputs = {x, scale},
                    .attributes = {{"axis", axis}, {"epsilon", 0.001f}},
                    .outputs = 3};
      if (shifted) node.inputs.push_back(shift);
      const auto outputs = run_node(node);
      ASSERT_TRUE(outputs.ok());
      const graph::Tensor &y = (*outputs)[0], &means = (*outputs)[1], &deviations = (*outputs)[2];
      const int64_t count = scale.size(), rows = x.size() / count;
      ASSERT_EQ(means.size(), rows);
      ASSERT_EQ(means.shape.size(), 3u);
      ASSERT_EQ(deviations.shape, means.shape);
      for (int64_t row = 0; row < rows; ++row) {
        const float* const from = x.as<float>().data() + row * count;
        double mean = 0, variance = 0;
        for (int64_t i = 0; i < count; ++i) mean += double{from[i]} / static_cast<double>(count);
        for (int64_t i = 0; i < count; ++i) {
          variance += (double{from[i]} - mean) * (double{from[i]} - mean) / static_cast<double>(count);
        }
        const double factor = 1 / std::sqrt(variance + 0.001);
        ASSERT_NEAR(means.as<float>()[row], mean, 1e-5);
        ASSERT_NEAR(deviations.as<float>()[row], factor, 1e-6 * factor);
        for (int64_t i = 0; i < count; ++i) {
          ASSERT_NEAR(y.as<float>()[row * count + i],
                      (double{from[i]} - mean) * factor * double{scale.as<float>()[i]} +
                          (shifted ? double{shift.as<float>()[i]} : 0.0),
                      1e-6);
        }
      }
    }
  }
}

TEST(LayerNormalization, ScaleAndShiftStretch) {
  // Rows -1, 1 of deviation 1; the scale is one of each row, the shift one of all.
  const auto y = result_of({.op = "LayerNormalization",
                            .inputs = {floats({2, 2}, {1, 3, 5, 7}), floats({2, 1}, {10, 100}), floats({}, {1})},
                            .attributes = {{"epsilon", 0.0f}}});
  EXPECT_THAT(elements<float>(y), testing::ElementsAre(-9, 11, -99, 101));
  const auto x = random_floats({2, 4}, 1);
  expect_bad({.op = "LayerNormalization", .inputs = {x, random_floats({3}, 2)}}, "doesn't stretch");
  expect_bad({.op = "LayerNormalization", .inputs = {x, random_floats({5, 2, 4}, 2)}}, "doesn't stretch");
  expect_bad({.op = "LayerNormalization", .inputs = {x, x}, .attributes = {{"stash_type", int64_t{11}}}}, "stash_type");
  expect_bad({.op = "LayerNormalization", .inputs = {x, x}, .attributes = {{"axis", int64_t{2}}}}, "axis 2");
}

TEST(Normalizations, NotANumberSpoilsItsRowOnly) {
  const auto y = elements<float>(result_of(
      {.op = "LayerNormalization", .inputs = {floats({2, 3}, {1, kNan, 2, 1, 2, 3}), floats({3}, {1, 1, 1})}}));
  for (int i = 0; i < 6; ++i) EXPECT_EQ(std::isnan(y[i]), i < 3) << i;
}

TEST(LocalResponse, AddsUpSquaresOfNeighbours) {
  const auto x = random_floats({2, 6, 300}, 1);
  for (const int64_t size : {int64_t{1}, int64_t{3}, int64_t{4}, int64_t{20}, INT64_MAX}) {
    const auto y = result_of(
        {.op = "LRN", .inputs = {x}, .attributes = {{"size", size}, {"alpha", 0.5f}, {"beta", 0.6f}, {"bias", 2.0f}}});
    for (int64_t n = 0; n < 2; ++n) {
      for (int64_t c = 0; c < 6; ++c) {
        for (int64_t i = 0; i < 300; ++i) {
          double squares = 0;
          for (int64_t other = 0; other < 6; ++other) {
            if (c - other > (size - 1) / 2 || other - c > size / 2) continue;
            squares += std::pow(double{x.as<float>()[(n * 6 + other) * 300 + i]}, 2);
          }
          const int64_t at = (n * 6 + c) * 300 + i;
          ASSERT_NEAR(y.as<float>()[at],
                      double{x.as<float>()[at]} / std::pow(2 + 0.5 / static_cast<double>(size) * squares, 0.6), 1e-6);
        }
      }
    }
  }
  expect_bad({.op = "LRN", .inputs = {x}}, "has size 0");
}

TEST(Softmax, AgreesWithDoubleArithmeticOnEveryAxis) {
  const std::vector<int64_t> shape{3, 5, 40, 9};
  auto x = random_floats(shape, 1);
  for (float& value : x.as<float>()) value *= 20;
  for (const int64_t opset : {11, 13}) {
    for (int64_t axis = -4; axis < 4; ++axis) {
      const int64_t from = axis < 0 ? axis + 4 : axis;
      int64_t count = shape[from], inner = 1;
      for (int64_t d = from + 1; d < 4; ++d) (opset < 13 ? count : inner) *= shape[d];
      for (const char* op : {"Softmax", "LogSoftmax"}) {
        const auto y = result_of({.op = op, .inputs = {x}, .attributes = {{"axis", axis}}, .opset = opset});
        ASSERT_EQ(y.shape, shape);
        for (int64_t row = 0; row < x.size() / count; ++row) {
          const int64_t first = row / inner * count * inner + row % inner;
          double most = -INFINITY, sum = 0;
          for (int64_t i = 0; i < count; ++i) most = std::fmax(most, double{x.as<float>()[first + i * inner]});
          for (int64_t i = 0; i < count; ++i) sum += std::exp(double{x.as<float>()[first + i * inner]} - most);
          for (int64_t i = 0; i < count; ++i) {
            const double z = double{x.as<float>()[first + i * inner]} - most;
            const double right = op[0] == 'S' ? std::exp(z) / sum : z - std::log(sum);
            // float rounds z, which is up to 80, before the exponential.
            ASSERT_NEAR(y.as<float>()[first + i * inner], right, 1e-6 * std::fabs(right) * (1 + std::fabs(z)) + 3e-7)
                << op << " on axis " << axis << " of opset " << opset;
          }
        }
      }
    }
  }
}

TEST(Softmax, DefaultAxisAndItsBounds) {
  const auto x = floats({1, 2, 2}, {0, 0, 0, 0});
  EXPECT_EQ(result_of({.op = "Softmax", .inputs = {x}, .opset = 12}).as<float>()[0], 0.25f);
  EXPECT_EQ(result_of({.op = "Softmax", .inputs = {x}, .opset = 13}).as<float>()[0], 0.5f);
  expect_bad({.op = "Softmax", .inputs = {x}, .attributes = {{"axis", int64_t{3}}}}, "axis 3 of 3 dimensions");
}

TEST(Softmax, MaskedElementsAreZeroAndNotANumberSpoilsItsRow) {
  for (const int64_t inner : {1, 3}) {
    // The same column of five, once alone and once among others.
    for (const float spoiler : {kNan, kInf, -kInf, -1e9f}) {
      graph::Tensor x = graph::Tensor::zeros(graph::ElementType::f32, {5, inner});
      for (int64_t i = 0; i < 5; ++i) x.as<float>()[i * inner] = i == 2 ? spoiler : 1;
      const auto y = result_of({.op = "Softmax", .inputs = {x}, .attributes = {{"axis", int64_t{0}}}});
      for (int64_t i = 0; i < 5; ++i) {
        const float value = y.as<float>()[i * inner];
        if (spoiler < 0) {
          EXPECT_EQ(value, i == 2 ? 0 : 0.25f);
        } else {
          EXPECT_TRUE(std::isnan(value) || (spoiler == kInf && i != 2 && value == 0)) << spoiler << " " << i;
        }
        if (inner > 1) {
          EXPECT_NEAR(y.as<float>()[i * inner + 1], 0.2, 1e-7);
        }
      }
    }
  }
}

}  // namespace
}  // namespace sparsmith::test

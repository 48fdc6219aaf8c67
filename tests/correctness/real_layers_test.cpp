// Real pruned layers from SPARSMITH_DATA.
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "kernels/reference.h"
#include "kernels/tolerance.h"
#include "tests/correctness/layer_case.h"

namespace sparsmith {
namespace {

using testing::check_kernel;

std::filesystem::path data_file(const std::string& name) {
  const char* const chosen = std::getenv("SPARSMITH_DATA");
  return std::filesystem::path(chosen != nullptr ? chosen : SPARSMITH_DATA) / "data" / name;
}

#define SKIP_WITHOUT(path) \
  if (!std::filesystem::exists(path)) GTEST_SKIP() << (path).string() << " is not there; set SPARSMITH_DATA"

class RealLayers : public testing::PerTarget {
 protected:
  CompileOptions options() const {
    CompileOptions o;
    o.target = target();
    return o;
  }
};

TEST_P(RealLayers, MobileNetPointwiseLayers) {
  for (int layer = 0; layer < 12; ++layer) {
    const auto path = data_file("mobilenet_v1_90/contraction_1x1_" + std::to_string(layer) + ".npy");
    SKIP_WITHOUT(path);
    const Result<Weights> weights = load_weights(path.string());
    ASSERT_TRUE(weights.ok()) << weights.error().message;
    const Result<Array> bias =
        load_array(data_file("mobilenet_v1_90/contraction_1x1_" + std::to_string(layer) + "_bias.npy").string());
    ASSERT_TRUE(bias.ok()) << bias.error().message;
    Problem problem;
    problem.n = 49;
    problem.epilogue.bias = true;
    problem.epilogue.activation = Activation::clip;
    for (const Layout layout : {Layout::plain, Layout::panel}) {
      problem.x_layout = problem.y_layout = layout;
      const Result<Kernel> kernel = compile(*weights, problem, {bias->data, {}, {}}, options());
      ASSERT_TRUE(kernel.ok()) << kernel.error().message;
      ASSERT_TRUE(check_kernel(*kernel, *weights, {bias->data, {}, {}}, {.n = 49}, 2, 1)) << path;
    }
  }
}

// result.npy = W0 @ depthwise(input), computed by others: 3x3, stride 1, padding 1, no bias.
TEST_P(RealLayers, MobileNetFirstLayerGivesTheRecordedResult) {
  const auto result_path = data_file("mobilenet_v1_90/result.npy");
  SKIP_WITHOUT(result_path);
  const Result<Array> expected = load_array(result_path.string());
  ASSERT_TRUE(expected.ok()) << expected.error().message;
  const Result<Array> image = load_array(data_file("mobilenet_v1_90/input_image.npy").string());
  const Result<Array> filters = load_array(data_file("mobilenet_v1_90/depthwise_nxn_0.npy").string());
  const Result<Weights> weights = load_weights(data_file("mobilenet_v1_90/contraction_1x1_0.npy").string());
  ASSERT_TRUE(image.ok() && filters.ok() && weights.ok());
  const int64_t channels = 32, size = 112, n = size * size;
  ASSERT_EQ(image->size(), channels * n);
  ASSERT_EQ(filters->size(), channels * 9);
  ASSERT_EQ(expected->shape, (std::vector<int64_t>{64, n}));

  // The recorded depthwise step rounded in an order of its own, so its terms count, not its sums: |W| x |filters| x
  // |image|.
  std::vector<float> x(static_cast<size_t>(channels * n));
  std::vector<double> x_magnitude(x.size(), 0.0);
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t row = 0; row < size; ++row) {
      for (int64_t column = 0; column < size; ++column) {
        double sum = 0;
        for (int64_t tap = 0; tap < 9; ++tap) {
          const int64_t r = row + tap / 3 - 1, q = column + tap % 3 - 1;
          if (r < 0 || r >= size || q < 0 || q >= size) continue;
          const double term = static_cast<double>(filters->data[c * 9 + tap]) * image->data[c * n + r * size + q];
          sum += term;
          x_magnitude[c * n + row * size + column] += std::fabs(term);
        }
        x[c * n + row * size + column] = static_cast<float>(sum);
      }
    }
  }
  Problem problem;
  problem.conv = Conv2d{size, size, 1, 1};
  const Result<Kernel> kernel = compile(*weights, problem, {}, options());
  ASSERT_TRUE(kernel.ok()) << kernel.error().message;
  std::vector<float> y(static_cast<size_t>(64 * n));
  RunArgs args{.x = x.data(), .y = y.data()};
  ASSERT_TRUE(kernel->run(args).ok());
  const Reference reference = compute_reference(*weights, problem, {}, args);
  const Deviation deviation = compare(reference, problem, args);
  EXPECT_TRUE(deviation.ok()) << deviation.describe();
  const auto offsets = weights->pattern().row_offsets();
  double worst = 0;
  for (int64_t r = 0; r < 64; ++r) {
    std::vector<double> magnitude(static_cast<size_t>(n), 0.0);
    for (int64_t i = offsets[r]; i < offsets[r + 1]; ++i) {
      const double w = std::fabs(static_cast<double>(weights->values()[i]));
      const double* const xs = x_magnitude.data() + weights->pattern().columns()[i] * n;
      for (int64_t c = 0; c < n; ++c) magnitude[c] += w * xs[c];
    }
    for (int64_t c = 0; c < n; ++c) {
      const double error = std::fabs(y[r * n + c] - static_cast<double>(expected->data[r * n + c]));
      // Both sides round: nine terms of the depthwise step and the row's products.
      worst = std::max(worst, error / (2 * tolerance<float>(offsets[r + 1] - offsets[r] + 9, magnitude[c])));
    }
  }
  EXPECT_LT(worst, 1);
}

TEST_P(RealLayers, ResNetPatterns) {
  for (const char* name : {"0.8/bottleneck_1_block_group3_2_1", "0.9/bottleneck_3_block_group2_1_1",
                           "0.95/bottleneck_1_block_group4_1_1", "0.98/bottleneck_1_block_group3_2_1"}) {
    const auto path = data_file("dlmc/rn50/magnitude_pruning/" + std::string(name) + ".smtx");
    SKIP_WITHOUT(path);
    const Result<Weights> weights = load_weights(path.string());
    ASSERT_TRUE(weights.ok()) << weights.error().message;
    Problem problem;
    problem.n = 50;
    problem.y_layout = Layout::panel;
    const Result<Kernel> kernel = compile(*weights, problem, {}, options());
    ASSERT_TRUE(kernel.ok()) << kernel.error().message;
    ASSERT_TRUE(check_kernel(*kernel, *weights, {}, {.n = 50}, 2, 1)) << name;
  }
}

SPARSMITH_FOR_EACH_TARGET(RealLayers);

}  // namespace
}  // namespace sparsmith

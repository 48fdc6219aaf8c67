// Real pruned layers from SPARSMITH_DATA.
#include <cstdlib>
#include <filesystem>

#include "kernels/reference.h"
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

  std::vector<float> x(static_cast<size_t>(channels * n));
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t row = 0; row < size; ++row) {
      for (int64_t column = 0; column < size; ++column) {
        double sum = 0;
        for (int64_t tap = 0; tap < 9; ++tap) {
          const int64_t r = row + tap / 3 - 1, q = column + tap % 3 - 1;
          if (r < 0 || r >= size || q < 0 || q >= size) continue;
          sum += static_cast<double>(filters->data[c * 9 + tap]) * image->data[c * n + r * size + q];
        }
        x[c * n + row * size + column] = static_cast<float>(sum);
      }
    }
  }
  Problem problem;
  problem.conv = Conv1x1{size, size, 1, 1};
  const Result<Kernel> kernel = compile(*weights, problem, {}, options());
  ASSERT_TRUE(kernel.ok()) << kernel.error().message;
  std::vector<float> y(static_cast<size_t>(64 * n));
  RunArgs args{.x = x.data(), .y = y.data()};
  ASSERT_TRUE(kernel->run(args).ok());
  const Reference reference = compute_reference(*weights, problem, {}, args);
  const Deviation deviation = compare(reference, problem, args);
  EXPECT_TRUE(deviation.ok()) << deviation.describe();
  // The recorded result rounds the depthwise step in its own order, which costs a few more roundings.
  double worst = 0;
  for (size_t i = 0; i < y.size(); ++i) {
    worst = std::max(worst, std::fabs(y[i] - static_cast<double>(expected->data[i])) / (reference.magnitude[i] + 1e-6));
  }
  EXPECT_LT(worst, 2e-6);
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

// The real models, operator by operator, against the outputs that lie beside them.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "load/zip.h"
#include "onnx/read.h"
#include "ops/evaluator.h"
#include "sparsmith/load.h"

namespace sparsmith::test {
namespace {

namespace fs = std::filesystem;
using graph::Tensor;

fs::path models() {
  const char* const chosen = std::getenv("SPARSMITH_DATA");
  return fs::path(chosen != nullptr ? chosen : SPARSMITH_DATA) / "models";
}

/// Sample `index` of an array whose first dimension counts samples.
Tensor sample(const Array& array, int64_t index, std::vector<int64_t> shape) {
  Tensor tensor = Tensor::zeros(graph::ElementType::f32, std::move(shape));
  std::memcpy(tensor.bytes.data(), array.data.data() + index * tensor.size(), tensor.bytes.size());
  return tensor;
}

struct Stored {
  const char* model;
  const char* input;
  std::vector<const char*> outputs;
};

class StoredOutputs : public testing::TestWithParam<Stored> {};

TEST_P(StoredOutputs, AreReproduced) {
  const Stored& stored = GetParam();
  const std::string path = (models() / stored.model).string();
  if (!fs::exists(path + ".onnx")) GTEST_SKIP() << path << ".onnx is not there; set SPARSMITH_DATA";
  const auto graph = onnx_reader::read_onnx(path + ".onnx");
  ASSERT_TRUE(graph.ok()) << graph.error().message;
  const auto shapes = ops::declared_shapes(*graph);
  ASSERT_TRUE(shapes.ok());
  const auto evaluator = ops::Evaluator::create(*graph, *shapes);
  ASSERT_TRUE(evaluator.ok()) << evaluator.error().message;
  const auto x = load_array(path + ".io.npz:" + stored.input);
  ASSERT_TRUE(x.ok()) << x.error().message;
  // One sample: the operators here are the slow reference.
  const auto outputs = evaluator->run(std::vector{sample(*x, 0, (*shapes)[0])});
  ASSERT_TRUE(outputs.ok()) << outputs.error().message;
  ASSERT_EQ(outputs->size(), stored.outputs.size());
  for (size_t o = 0; o < outputs->size(); ++o) {
    const auto expected = load_array(path + ".io.npz:" + stored.outputs[o]);
    ASSERT_TRUE(expected.ok()) << expected.error().message;
    const auto actual = (*outputs)[o].as<float>();
    float largest = 0, worst = 0;
    for (size_t i = 0; i < actual.size(); ++i) {
      largest = std::max(largest, std::fabs(expected->data[i]));
      worst = std::max(worst, std::fabs(actual[i] - expected->data[i]));
    }
    EXPECT_LE(worst, 1e-5f * largest) << stored.outputs[o];
  }
}

INSTANTIATE_TEST_SUITE_P(Models, StoredOutputs,
                         testing::Values(Stored{"mobilenet_v1_90", "input", {"logits"}},
                                         Stored{"pose_detection_75", "input", {"Identity", "Identity_1"}},
                                         Stored{"squeezenet_dc_33", "data", {"logits"}}),
                         [](const auto& named) { return std::string(named.param.model); });

/// A member of an .npz behind its header of 128 bytes; load_array reads floats only, and the images are bytes.
std::string raw_member(const std::string& path, const std::string& name) {
  const auto source = load::FileSource::open(path);
  if (!source) throw std::runtime_error(source.error().message);
  const auto entries = load::read_zip_directory(*source, path);
  if (!entries) throw std::runtime_error(entries.error().message);
  for (const load::ZipEntry& entry : *entries) {
    if (entry.name != name) continue;
    auto stream = load::ZipStream::open(*source, entry, name);
    std::string bytes(entry.size, '\0');
    if (!stream || !stream->read(bytes.data(), bytes.size())) break;
    constexpr size_t kHeader = 128;
    return bytes.substr(kHeader);
  }
  throw std::runtime_error(path + " has no " + name);
}

TEST(StoredOutputs, LenetFamilyOnEveryImage) {
  const std::string io = (models() / "mnist_test1000.npz").string();
  if (!fs::exists(io)) GTEST_SKIP() << io << " is not there; set SPARSMITH_DATA";
  constexpr int64_t kImages = 1000, kPixels = 784;
  const std::string images = raw_member(io, "image.npy");
  ASSERT_EQ(images.size(), static_cast<size_t>(kImages * kPixels));
  Tensor x = Tensor::zeros(graph::ElementType::f32, {kImages, 1, 28, 28});
  for (size_t i = 0; i < images.size(); ++i) {
    x.as<float>()[i] = static_cast<float>(static_cast<uint8_t>(images[i])) / 255.0f;
  }
  const auto graph = onnx_reader::read_onnx((models() / "mnist_lenet300_mag90_N.onnx").string());
  ASSERT_TRUE(graph.ok()) << graph.error().message;
  const auto evaluator = ops::Evaluator::create(*graph, std::vector<std::vector<int64_t>>{x.shape});
  ASSERT_TRUE(evaluator.ok()) << evaluator.error().message;
  const auto outputs = evaluator->run(std::vector{x});
  ASSERT_TRUE(outputs.ok()) << outputs.error().message;
  const auto expected = load_array(io + ":logits_mag90");
  ASSERT_TRUE(expected.ok()) << expected.error().message;
  const auto logits = (*outputs)[0].as<float>();
  ASSERT_EQ(logits.size(), expected->data.size());
  float largest = 0, worst = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    largest = std::max(largest, std::fabs(expected->data[i]));
    worst = std::max(worst, std::fabs(logits[i] - expected->data[i]));
  }
  EXPECT_LE(worst, 1e-5f * largest);
}

}  // namespace
}  // namespace sparsmith::test

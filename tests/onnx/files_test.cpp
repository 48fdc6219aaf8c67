// Models on disk: external data, and the real models.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "models.h"
#include "onnx/read.h"

namespace sparsmith::test {
namespace {

namespace fs = std::filesystem;
using graph::Graph;
using onnx_reader::read_onnx;
using testing::HasSubstr;

class OnnxFiles : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "sparsmith_onnx_XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    fs::create_directory(folder_ / "model");
    std::ofstream(folder_ / "model" / "w.bin", std::ios::binary) << raw_bytes(std::vector<float>{9, 1, 2, 3, 4, 5, 6});
    std::ofstream(folder_ / "secret.bin", std::ios::binary) << raw_bytes(std::vector<float>{1, 2, 3, 4, 5, 6});
  }
  void TearDown() override { fs::remove_all(folder_); }

  /// The product model with w's 6 floats in a file.
  Result<Graph> read_with(const std::vector<std::pair<std::string, std::string>>& external) const {
    ::onnx::ModelProto model = product_model();
    auto* tensor = model.mutable_graph()->mutable_initializer(0);
    tensor->clear_raw_data();
    tensor->set_data_location(::onnx::TensorProto::EXTERNAL);
    for (const auto& [key, value] : external) {
      auto* entry = tensor->add_external_data();
      entry->set_key(key);
      entry->set_value(value);
    }
    const std::string path = (folder_ / "model" / "m.onnx").string();
    std::ofstream(path, std::ios::binary) << model.SerializeAsString();
    return read_onnx(path);
  }
  void expect_bad(const std::vector<std::pair<std::string, std::string>>& external, const std::string& part) const {
    const auto graph = read_with(external);
    ASSERT_FALSE(graph.ok()) << "read without complaint";
    EXPECT_EQ(graph.error().kind, ErrorKind::bad_input);
    EXPECT_THAT(graph.error().message, HasSubstr(part));
  }
  fs::path folder_;
};

TEST_F(OnnxFiles, ExternalDataAtAnOffset) {
  for (const bool length : {false, true}) {
    std::vector<std::pair<std::string, std::string>> external{{"location", "w.bin"}, {"offset", "4"}};
    if (length) external.emplace_back("length", "24");
    const auto graph = read_with(external);
    ASSERT_TRUE(graph.ok()) << graph.error().message;
    const auto values = graph->values[0].constant->as<float>();
    EXPECT_THAT(std::vector<float>(values.begin(), values.end()), testing::ElementsAre(1, 2, 3, 4, 5, 6));
  }
}

TEST_F(OnnxFiles, ExternalDataStaysInTheModelsFolder) {
  for (const char* location : {"../secret.bin", "a/../../secret.bin", "..", "a\\..\\secret.bin", "w.bin\x1b"}) {
    expect_bad({{"location", location}}, "outside the model's folder");
  }
  expect_bad({{"location", (folder_ / "secret.bin").string()}}, "outside the model's folder");
  fs::create_symlink(folder_ / "secret.bin", folder_ / "model" / "link.bin");
  expect_bad({{"location", "link.bin"}}, "outside the model's folder");
}

TEST_F(OnnxFiles, ExternalDataThatIsWrong) {
  expect_bad({}, "no \"location\" says where");
  expect_bad({{"location", "lost.bin"}}, "can't be opened");
  expect_bad({{"location", "."}}, "is a directory");
  expect_bad({{"location", "w.bin"}, {"offset", "8"}}, "24 bytes at byte 8 of \"w.bin\", which has 28");
  expect_bad({{"location", "w.bin"}, {"offset", "18446744073709551615"}}, "which has 28");
  expect_bad({{"location", "w.bin"}, {"offset", "-4"}}, "a whole number is expected");
  expect_bad({{"location", "w.bin"}, {"length", "20"}}, "has 20 bytes; its shape and type need 24");
}

TEST_F(OnnxFiles, BytesInMemoryHaveNoFolder) {
  ::onnx::ModelProto model = product_model();
  auto* tensor = model.mutable_graph()->mutable_initializer(0);
  tensor->clear_raw_data();
  tensor->set_data_location(::onnx::TensorProto::EXTERNAL);
  auto* entry = tensor->add_external_data();
  entry->set_key("location");
  entry->set_value("w.bin");
  const auto graph = onnx_reader::parse_onnx(model.SerializeAsString(), "m.onnx");
  ASSERT_FALSE(graph.ok());
  EXPECT_THAT(graph.error().message, HasSubstr("isn't read from a file"));
}

TEST_F(OnnxFiles, MissingFile) {
  const auto graph = read_onnx((folder_ / "none.onnx").string());
  ASSERT_FALSE(graph.ok());
  EXPECT_THAT(graph.error().message, HasSubstr("can't be opened"));
}

struct RealModel {
  const char* file;
  size_t nodes;
  int64_t weights;  ///< floats in constants
};

class RealOnnx : public testing::TestWithParam<RealModel> {};

TEST_P(RealOnnx, IsRead) {
  const char* const chosen = std::getenv("SPARSMITH_DATA");
  const fs::path path = fs::path(chosen != nullptr ? chosen : SPARSMITH_DATA) / "models" / GetParam().file;
  if (!fs::exists(path)) GTEST_SKIP() << path << " is not there; set SPARSMITH_DATA to the folder that holds models/";
  const auto graph = read_onnx(path.string());
  ASSERT_TRUE(graph.ok()) << graph.error().message;
  EXPECT_EQ(graph->opset, 13);
  EXPECT_EQ(graph->nodes.size(), GetParam().nodes);
  int64_t weights = 0;
  for (const graph::Value& value : graph->values) {
    if (value.constant && value.constant->type == graph::ElementType::f32) weights += value.constant->size();
  }
  EXPECT_EQ(weights, GetParam().weights);
}

INSTANTIATE_TEST_SUITE_P(Models, RealOnnx,
                         testing::Values(RealModel{"mnist_lenet300_mag90_N.onnx", 6, 266610},
                                         RealModel{"mobilenet_v1_90.onnx", 57, 4221032},
                                         RealModel{"pose_detection_75.onnx", 147, 2965320},
                                         RealModel{"squeezenet_dc_33.onnx", 65, 1248424}),
                         [](const auto& named) {
                           const std::string file = named.param.file;
                           return file.substr(0, file.find('.'));
                         });

}  // namespace
}  // namespace sparsmith::test

// The real models: what becomes of them, and that they compute the same.
#include <cstdlib>
#include <filesystem>

#include "builder.h"
#include "onnx/read.h"

namespace sparsmith::test {
namespace {

namespace fs = std::filesystem;

struct Model {
  const char* file;
  const char* left;  ///< operators after simplify(), layers as numbers
  size_t convs, matmuls;
};

class Models : public testing::TestWithParam<Model> {};

TEST_P(Models, BecomeLayers) {
  const char* const chosen = std::getenv("SPARSMITH_DATA");
  const fs::path path = fs::path(chosen != nullptr ? chosen : SPARSMITH_DATA) / "models" / GetParam().file;
  if (!fs::exists(path)) GTEST_SKIP() << path << " is not there; set SPARSMITH_DATA";
  const auto graph = onnx_reader::read_onnx(path.string());
  ASSERT_TRUE(graph.ok()) << graph.error().message;
  const Graph result = simplified(*graph);
  expect_sound(result);
  std::map<std::string, size_t> layers;
  Graph rest = result;
  std::erase_if(rest.nodes, [&](const graph::Node& node) {
    if (node.domain == "sparsmith") ++layers[node.op];
    return node.domain == "sparsmith";
  });
  EXPECT_EQ(operators(rest), GetParam().left);
  EXPECT_EQ(layers["Conv"], GetParam().convs);
  EXPECT_EQ(layers["MatMul"], GetParam().matmuls);
  EXPECT_EQ(layers.size(), 2u) << "other composites";
  const auto shapes = ops::declared_shapes(*graph);
  ASSERT_TRUE(shapes.ok());
  const std::vector inputs{random_floats((*shapes)[0], 1)};
  const auto before = outputs_of(*graph, inputs), after = outputs_of(result, inputs);
  ASSERT_EQ(before.size(), after.size());
  for (size_t i = 0; i < before.size(); ++i) EXPECT_LE(relative_error(after[i], before[i]), 1e-5) << i;
}

INSTANTIATE_TEST_SUITE_P(
    Real, Models,
    testing::Values(
        Model{"mobilenet_v1_90.onnx", "Flatten GlobalAveragePool", 27, 1},
        Model{"mnist_lenet300_mag90.onnx", "Flatten", 0, 3}, Model{"mnist_lenet300_mag90_N.onnx", "Flatten", 0, 3},
        Model{
            "squeezenet_dc_33.onnx",
            "Concat Concat Concat Concat Concat Concat Concat Concat Flatten GlobalAveragePool MaxPool MaxPool MaxPool",
            26, 0},
        Model{"pose_detection_75.onnx",
              "Concat Concat DepthToSpace DepthToSpace DepthToSpace Reshape Reshape Reshape Reshape Reshape Reshape "
              "Resize Resize Transpose Transpose Transpose Transpose Transpose Transpose",
              73, 0}),
    [](const auto& named) { return fs::path(named.param.file).stem().string(); });

}  // namespace
}  // namespace sparsmith::test

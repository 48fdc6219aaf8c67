// Files on disk: suffixes, names after a colon, writing, and the real data.
#include <sys/stat.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "bytes.h"
#include "check.h"

namespace sparsmith::test {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class Files : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "sparsmith_load_XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path(name), std::ios::binary) << bytes;
    return path(name);
  }
  size_t entries() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }
  fs::path folder_;
};
using FilesBad = Files;

const Floats kMatrix = {1, 0, 3, 0, 5, 0};

TEST_F(Files, ReadsEverySuffix) {
  const std::string npy = npy_array("<f4", "(2, 3)", raw(kMatrix));
  const std::string json = R"({"a:b":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}})";
  for (const std::string& file :
       {write("w.npy", npy), write("w.NPY", npy), write("w.npz", zip_bytes({{"m.npy", npy, true}})),
        path("w.npz") + ":m", write("w.safetensors", safetensors_bytes(json, raw(kMatrix))),
        path("w.safetensors") + ":a:b",
        write("w.mtx", "%%MatrixMarket matrix coordinate integer general\n2 3 3\n1 1 1\n1 3 3\n2 2 5\n")}) {
    EXPECT_EQ(value_of(load_weights(file)).to_dense(), kMatrix) << file;
  }
  EXPECT_EQ(value_of(load_weights(write("w.smtx", "2, 3, 3\n0 2 3\n0 2 1\n"))).nnz(), 3);
  for (const std::string& file : {path("w.npy"), path("w.npz:m"), path("w.npz"), path("w.safetensors:a:b")}) {
    EXPECT_EQ(value_of(load_array(file)).data, kMatrix) << file;
  }
}

TEST_F(Files, SeedsPatternFiles) {
  const std::string file = write("w.smtx", "1, 1, 1\n0 1\n0\n");
  EXPECT_NE(value_of(load_weights(file, {.seed = 1})).values()[0],
            value_of(load_weights(file, {.seed = 2})).values()[0]);
  EXPECT_EQ(value_of(load_weights(file)).values()[0], value_of(load_weights(file, {.seed = 1})).values()[0]);
}

TEST_F(Files, WeightsOfSafetensorsAreTheOnlyMatrix) {
  const std::string json = R"({"bias":{"dtype":"F32","shape":[2],"data_offsets":[24,32]},)"
                           R"("weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}})";
  const std::string file = write("w.safetensors", safetensors_bytes(json, raw(kMatrix) + raw(Floats{8, 9})));
  EXPECT_EQ(value_of(load_weights(file)).to_dense(), kMatrix);
  EXPECT_THAT(value_of(load_array(file + ":bias")).data, ElementsAre(8, 9));
  expect_bad_input(load_weights(file + ":bias"), {"w.safetensors:bias", "(2,)", "at least 2"});
}

TEST_F(Files, SavesWhatItReads) {
  const std::string file = path("out.npy");
  for (const std::vector<int64_t>& shape : {std::vector<int64_t>{2, 3}, {6}, {1, 2, 3, 1}, {}, {0, 4}}) {
    ASSERT_TRUE(save_npy(file, shape, kMatrix.data()).ok());
    const Array array = value_of(load_array(file));
    EXPECT_EQ(array.shape, shape);
    EXPECT_EQ(array.data, Floats(kMatrix.begin(), kMatrix.begin() + array.size()));
  }
  EXPECT_EQ(entries(), 1u) << "a temporary file was left";
}

TEST_F(Files, SavesWithAlignedData) {
  ASSERT_TRUE(save_npy(path("out.npy"), {2, 3}, kMatrix.data()).ok());
  EXPECT_EQ(fs::file_size(path("out.npy")) % 64, 24u);
}

TEST_F(Files, SavingKeepsLinksAndDevices) {
  ASSERT_TRUE(save_npy(path("real.npy"), {1}, kMatrix.data()).ok());
  fs::create_symlink(path("real.npy"), path("link.npy"));
  ASSERT_TRUE(save_npy(path("link.npy"), {2, 3}, kMatrix.data()).ok());
  EXPECT_TRUE(fs::is_symlink(path("link.npy")));
  EXPECT_EQ(value_of(load_array(path("real.npy"))).size(), 6);
  ASSERT_TRUE(save_npy("/dev/null", {2, 3}, kMatrix.data()).ok());
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST_F(FilesBad, FullDisk) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "this system has no /dev/full";
  const Status status = save_npy("/dev/full", {2, 3}, kMatrix.data());
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().kind, ErrorKind::unsuitable);
  EXPECT_THAT(status.error().message, HasSubstr("/dev/full: can't be written: No space left"));
}

TEST_F(FilesBad, SaveIntoMissingFolder) {
  const Status status = save_npy(path("no/out.npy"), {2, 3}, kMatrix.data());
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message, HasSubstr("no/out.npy: can't be written: No such file"));
}

TEST_F(FilesBad, SaveOverFolder) {
  expect_bad_input(save_npy(folder_.string(), {1}, kMatrix.data()), {"is a directory"});
}
TEST_F(FilesBad, SaveNegativeShape) { expect_bad_input(save_npy(path("o.npy"), {-1}, kMatrix.data()), {"(-1,)"}); }
TEST_F(FilesBad, SaveNothing) { expect_bad_input(save_npy(path("o.npy"), {1}, nullptr), {"no data"}); }

TEST_F(FilesBad, Missing) { expect_bad_input(load_weights(path("none.npy")), {"none.npy", "No such file"}); }
TEST_F(FilesBad, Folder) {
  fs::create_directory(path("d.npy"));
  expect_bad_input(load_weights(path("d.npy")), {"d.npy", "is a directory"});
}
TEST_F(FilesBad, Pipe) {
  ASSERT_EQ(::mkfifo(path("p.npy").c_str(), 0600), 0);
  expect_bad_input(load_weights(path("p.npy")), {"not a regular file"});
}
TEST_F(FilesBad, UnknownSuffix) {
  const auto result = load_weights(write("w.onnx", "x"));
  expect_bad_input(result, {"w.onnx", "suffix"});
  EXPECT_THAT(result.error().hint, HasSubstr(".safetensors"));
  expect_bad_input(load_array(path("w.mtx")), {"suffix names no array format"});
}
TEST_F(FilesBad, VectorAsWeights) {
  expect_bad_input(load_weights(write("v.npy", npy_array("<f4", "(6,)", raw(kMatrix)))),
                   {"v.npy", "(6,)", "at least 2"});
}

TEST(Data, MobileNetLayers) {
  SPARSMITH_NEED_DATA("mobilenet_v1_90/contraction_1x1_11.npy");
  const std::vector<std::pair<int64_t, int64_t>> shapes = {{64, 32},   {128, 64},  {128, 128}, {256, 128},
                                                           {256, 256}, {512, 256}, {512, 512}, {512, 512},
                                                           {512, 512}, {512, 512}, {512, 512}, {1024, 512}};
  for (size_t i = 0; i < shapes.size(); ++i) {
    const std::string file = data_path("mobilenet_v1_90/contraction_1x1_" + std::to_string(i) + ".npy");
    const Weights weights = value_of(load_weights(file));
    EXPECT_EQ(std::make_pair(weights.rows(), weights.cols()), shapes[i]);
    EXPECT_NEAR(weights.pattern().density(), 0.1, 0.01) << file;
    EXPECT_EQ(weights.nonfinite(), 0);
  }
  const Weights filters = value_of(load_weights(data_path("mobilenet_v1_90/initial_conv.npy")));
  EXPECT_EQ(filters.rows(), 32);
  EXPECT_EQ(filters.cols(), 27);
}

TEST(Data, FortranOrderResultIsTheLayersProduct) {
  // result.npy = W0 x depthwise0(input), depthwise 3x3, stride 1, pad 1; a few columns are recomputed.
  SPARSMITH_NEED_DATA("mobilenet_v1_90/result.npy");
  const Array result = value_of(load_array(path));
  ASSERT_THAT(result.shape, ElementsAre(64, 12544));
  const Array input = value_of(load_array(data_path("mobilenet_v1_90/input_image.npy")));
  const Array filters = value_of(load_array(data_path("mobilenet_v1_90/depthwise_nxn_0.npy")));
  const Array weights = value_of(load_array(data_path("mobilenet_v1_90/contraction_1x1_0.npy")));
  const int64_t channels = 32, side = 112;
  ASSERT_THAT(input.shape, ElementsAre(channels, side, side));
  for (const int64_t position : {int64_t{0}, int64_t{111}, int64_t{5000}, int64_t{12543}}) {
    const int64_t y = position / side, x = position % side;
    std::vector<double> column(channels, 0);
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t dy = -1; dy <= 1; ++dy)
        for (int64_t dx = -1; dx <= 1; ++dx)
          if (y + dy >= 0 && y + dy < side && x + dx >= 0 && x + dx < side)
            column[c] +=
                double{filters.data[c * 9 + (dy + 1) * 3 + dx + 1]} * input.data[(c * side + y + dy) * side + x + dx];
    for (int64_t m = 0; m < 64; ++m) {
      double sum = 0, magnitude = 0;
      for (int64_t c = 0; c < channels; ++c) {
        sum += weights.data[m * channels + c] * column[c];
        magnitude += std::fabs(weights.data[m * channels + c] * column[c]);
      }
      ASSERT_NEAR(result.data[m * 12544 + position], sum, 1e-5 * (magnitude + 1)) << m << "," << position;
    }
  }
}

TEST(Data, DlmcPatternsOfEverySparsity) {
  SPARSMITH_NEED_DATA("dlmc/rn50/magnitude_pruning/0.8/bottleneck_2_block_group3_1_1.smtx");
  for (const char* sparsity : {"0.8", "0.9", "0.95", "0.98"}) {
    const std::string folder = data_path("dlmc/rn50/magnitude_pruning/" + std::string(sparsity));
    for (const auto& entry : fs::directory_iterator(folder)) {
      const auto result = load_weights(entry.path().string());
      ASSERT_TRUE(result.ok()) << result.error().message;
    }
    const Weights weights = value_of(load_weights(folder + "/bottleneck_2_block_group3_1_1.smtx"));
    EXPECT_EQ(weights.rows(), 256);
    EXPECT_EQ(weights.cols(), 2304);
    EXPECT_NEAR(1 - weights.pattern().density(), std::stod(sparsity), 0.001);
  }
}

TEST(Data, LyraLayersByName) {
  SPARSMITH_NEED_DATA("lyra_wavegru_4x4.npz");
  const Weights gru = value_of(load_weights(path + ":09_gru_layer"));
  EXPECT_EQ(gru.rows(), 3072);
  EXPECT_EQ(gru.cols(), 1024);
  EXPECT_EQ(value_of(load_weights(path + ":00_conv1d")).cols(), 480);
  EXPECT_EQ(value_of(load_array(path + ":10_proj")).size(), 512 * 1024);
  expect_bad_input(load_weights(path), {"11 matrices", "\"09_gru_layer\""});
}

}  // namespace
}  // namespace sparsmith::test

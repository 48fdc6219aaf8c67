// Where models are read from: files, of which the part for this CPU alone counts, and pipes.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "lower/compile_graph.h"
#include "network.h"
#include "sparsmith/model.h"

namespace sparsmith::test {
namespace {

class ModelFiles : public testing::Test {
 protected:
  void SetUp() override {
    Network network(5);
    const auto x = network.input("x", {-1, 64});
    network.output(network.matmul(x, 64, 48, "relu"));
    ModelOptions options;
    options.targets = {"x86-64-v4,+avx512vnni", "x86-64-v3"};
    auto compiled = lower::compile_graph(network.graph(), options);
    ASSERT_TRUE(compiled.ok()) << compiled.error().message;
    artifact_ = std::move(compiled->artifact);
    folder_ = std::filesystem::temp_directory_path() / ("sparsmith_load_" + std::to_string(getpid()));
    std::filesystem::create_directory(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  Result<Model> load(const std::string& bytes) const {
    const std::filesystem::path path = folder_ / "model.smk";
    std::ofstream(path, std::ios::binary) << bytes;
    return Model::load(path);
  }

  std::string artifact_;
  std::filesystem::path folder_;
};

TEST_F(ModelFiles, AreReadFromPipes) {
  ASSERT_GT(artifact_.size(), 4096u);
  const std::filesystem::path path = folder_ / "pipe";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  std::thread writer([&] { std::ofstream(path, std::ios::binary) << artifact_; });
  const auto model = Model::load(path);
  writer.join();
  EXPECT_TRUE(model.ok()) << model.error().message;
}

TEST_F(ModelFiles, AreRefusedWhereWhatThisCpuRunsIsDamaged) {
  const auto whole = load(artifact_);
  ASSERT_TRUE(whole.ok()) << whole.error().message;
  // Programs lie in the order of the targets, so the file's last byte belongs to the second, its graph to neither.
  std::string last = artifact_, graph = artifact_, shorter = artifact_;
  last.back() = static_cast<char>(last.back() ^ 1);
  EXPECT_EQ(load(last).ok(), whole->target() != "x86-64-v3");
  graph[60] = static_cast<char>(graph[60] ^ 1);
  EXPECT_FALSE(load(graph).ok());
  shorter.pop_back();
  EXPECT_FALSE(load(shorter).ok());
  EXPECT_FALSE(load(artifact_ + "x").ok());
}

}  // namespace
}  // namespace sparsmith::test

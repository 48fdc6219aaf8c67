/// \file
/// A small image that is right in every field, whose code may even be called.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include "artifact/image.h"

namespace sparsmith {

inline KernelImage sample_image(const std::string& symbol = "sparsmith_sample_3x5_d33") {
  KernelImage image;
  image.symbol = symbol;
  image.target = "x86-64-v3";
  image.m = 3;
  image.k = 5;
  image.problem.n = 20;
  image.problem.n_fixed = true;
  image.problem.x_layout = Layout::panel;
  image.problem.conv = Conv2d{9, 7, 2, 2};
  image.problem.epilogue = {true, true, true, Residual::before_activation, Activation::clip, 0.25f, -1.5f, 2.5f};
  image.plan.m = 3;
  image.plan.k = 5;
  image.plan.nnz = 5;
  image.plan.n = 20;
  image.plan.target = image.target;
  image.plan.chosen = {Form::sparse, 2, 2, 3, 4, false, true, false};
  image.plan.tuned = true;
  image.plan.reason = "fewest loads";
  image.plan.candidates = {{image.plan.chosen, 10.5, 11.5, 64, "best"},
                           {{Form::sparse, 2, 1, 0, 0, true, false, true}, 40, 0, 128, "4x slower"}};
  image.row_offsets = {0, 2, 2, 5};
  image.columns = {1, 4, 0, 2, 3};
  image.segments = {{0, 16, 0, 0, 0, 2}, {32, 32, 4, 1, 0, 1}};
  const Schedule few{.form = Form::vector, .tile_rows = 16, .panels_per_pass = 2, .window_step = 8};
  image.plan.few = {{3, few}};
  image.plan.tail_columns = 2;
  image.variants = {{3, few, {{16, 32, 2, 0, 0, 3}}}};
  using enum ValueKind;
  for (const auto& [kind, index] : {std::pair{weight, 4u},
                                    {weight, 0u},
                                    {bias, 2u},
                                    {row_scale, 1u},
                                    {lo, 0u},
                                    {hi, 0u},
                                    {zero, 0u},
                                    {literal, 2u}})
    image.value_sources.push_back(ValueSource::make(kind, index));
  // At 0, 16 and 32: y[0] = 42 as an integer. mov rax, [rdi + 8]; mov dword [rax], 42; ret; int3...
  const std::vector<uint8_t> store = {0x48, 0x8b, 0x47, 0x08, 0xc7, 0x00, 0x2a, 0,
                                      0,    0,    0xc3, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc};
  for (int i = 0; i < 3; ++i) image.code.insert(image.code.end(), store.begin(), store.end());
  image.values = {5, 1, 0.5f, 2, -1.5f, 2.5f, 0, 1.0f / 6};
  return image;
}

/// A directory that goes when the test ends.
class ScratchDirectory {
 public:
  ScratchDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "sparsmith-test-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  ~ScratchDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace sparsmith

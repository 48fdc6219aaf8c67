// What generated code is made of, looked at through the disassembler: the target's instructions only, one
// multiply-accumulate per nonzero with the right nonzero behind it, and equal code for equal patterns.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <random>
#include <set>

#include "codegen/code_generator.h"
#include "compiler/build_image.h"
#include "sparsmith/compiler.h"
#include "sparsmith/weights.h"

namespace sparsmith {
namespace {

Weights random_weights(int64_t m, int64_t k, double density, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> uniform;
  std::vector<float> dense(static_cast<size_t>(m * k));
  for (float& v : dense) v = uniform(random) < density ? static_cast<float>(uniform(random)) + 0.5f : 0.0f;
  return *Weights::from_dense({dense.data(), m, k, k});
}

KernelImage image_of(const Weights& weights, const Schedule& schedule, const char* target, Problem problem = {}) {
  Plan plan;
  plan.chosen = schedule;
  auto image = build_image(weights.pattern(), problem, plan, *Target::parse(target), "test");
  EXPECT_TRUE(image.ok()) << (image.ok() ? "" : image.error().message);
  return std::move(image).value();
}

bool is_multiply(const std::string& text) {
  return text.find("vfmadd231ps") != std::string::npos || text.find("vmulps") != std::string::npos;
}

TEST(Image, OneMultiplyPerNonzeroAndPanelVector) {
  const Weights weights = random_weights(70, 300, 0.1, 1);
  for (const auto& [target, rows, per_nonzero] : {std::tuple{"x86-64-v4", 31, 1}, std::tuple{"x86-64-v3", 6, 2}}) {
    for (const int64_t k_block : {int64_t{0}, int64_t{64}}) {
      const KernelImage image = image_of(weights, {Form::sparse, rows, 1, k_block, 0, true}, target);
      int64_t multiplies = 0;
      for (const Segment& segment : image.segments) {
        auto code = decode(*Target::parse(target), image.code.data(), segment.main_offset, image.code.size());
        ASSERT_TRUE(code.ok()) << code.error().message;
        for (const Instruction& instruction : *code) multiplies += is_multiply(instruction.text);
      }
      EXPECT_EQ(multiplies, weights.nnz() * per_nonzero) << target;
    }
  }
}

TEST(Image, EverySlotIsReadInOrderAndEveryNonzeroOnce) {
  const Weights weights = random_weights(64, 700, 0.2, 2);
  for (const auto& [target, rows] : {std::pair{"x86-64-v4", 31}, std::pair{"x86-64-v3", 6}}) {
    const KernelImage image = image_of(weights, {Form::sparse, rows, 1, 256, 0, true}, target);
    std::multiset<uint32_t> seen;
    for (const Segment& segment : image.segments) {
      auto code = decode(*Target::parse(target), image.code.data(), segment.main_offset, image.code.size());
      ASSERT_TRUE(code.ok());
      int64_t expected = 0;
      for (const Instruction& instruction : *code) {
        if (instruction.slot < 0) continue;
        ASSERT_EQ(instruction.slot, expected++) << instruction.text;
        const ValueSource source = image.value_sources[segment.value_offset + static_cast<size_t>(instruction.slot)];
        ASSERT_EQ(source.kind(), ValueKind::weight);
        seen.insert(source.index());
      }
    }
    ASSERT_EQ(static_cast<int64_t>(seen.size()), weights.nnz());
    EXPECT_EQ(static_cast<int64_t>(std::set<uint32_t>(seen.begin(), seen.end()).size()), weights.nnz());
  }
}

// Rows of X farther apart than 32 bits of displacement reach, and back again for the next pass.
TEST(Image, ReachesRowsOfXGigabytesAway) {
  constexpr int64_t kDepth = 100'000'000;
  const std::vector<int32_t> columns{3, 50'000'000, 99'999'999};
  const Weights weights = *Weights::create(*Pattern::create(1, kDepth, {0, 3}, columns), {1, 2, 3});
  for (const char* target : {"x86-64-v4", "x86-64-v3"}) {
    const KernelImage image = image_of(weights, {Form::sparse, 1, 1, 0, 0, false}, target);
    auto code = decode(*Target::parse(target), image.code.data(), image.segments[0].main_offset, image.code.size());
    ASSERT_TRUE(code.ok()) << code.error().message;
    int64_t base = 0;
    std::vector<int64_t> rows;
    for (const Instruction& instruction : *code) {
      long long step = 0;
      if (std::sscanf(instruction.text.c_str(), " add rsi, %lld", &step) == 1) base += step;
      const size_t at = instruction.text.find("ptr [rsi");
      if (instruction.text.find("vmovups") == std::string::npos || at == std::string::npos) continue;
      char sign = '+';
      long long displacement = 0;
      std::sscanf(instruction.text.c_str() + at, "ptr [rsi %c %lld", &sign, &displacement);
      const int64_t address = base + (sign == '-' ? -displacement : displacement);
      if (address % 64 == 0) rows.push_back(address / 64);  // AVX2 loads second halves too
    }
    EXPECT_EQ(rows, std::vector<int64_t>(columns.begin(), columns.end())) << target;
    EXPECT_EQ(base, 0) << target;
  }
}

TEST(Image, DenseTilesOfEqualRowsShareCode) {
  const Weights weights = random_weights(67, 100, 1, 5);
  for (const int64_t k_block : {int64_t{0}, int64_t{40}}) {
    const KernelImage image = image_of(weights, {Form::dense, 14, 2, k_block, 0, false}, "x86-64-v4");
    // 14, 14, 13, 13 and 13 rows: two functions a k-block, each with one for single panels.
    std::set<uint32_t> offsets;
    int64_t next_row = 0;
    for (const Segment& segment : image.segments) {
      offsets.insert({segment.main_offset, segment.single_offset});
      if (segment.tile == 0) next_row = 0;
      EXPECT_EQ(segment.first_row, next_row);
      next_row += segment.rows;
    }
    const size_t k_blocks = image.segments.back().k_block + size_t{1};
    EXPECT_EQ(image.segments.size(), 5 * k_blocks);
    EXPECT_EQ(offsets.size(), 4 * k_blocks);
  }
}

TEST(Image, FixedNPutsRowStridesIntoTheCode) {
  const Weights weights = random_weights(31, 100, 0.2, 4);
  for (const auto& [target, rows] : {std::pair{"x86-64-v4", 31}, std::pair{"x86-64-v3", 6}}) {
    Schedule schedule{Form::sparse, rows, 1, 0, 0, true};
    schedule.direct_x = true;
    // Reads of EntryArgs: pointers, passes and panel strides always; row strides only when the code doesn't know them.
    const auto reads_of_args = [&](int64_t n, bool fixed) {
      Problem problem;
      problem.n = n;
      problem.n_fixed = fixed;
      const KernelImage image = image_of(weights, schedule, target, problem);
      auto code =
          decode(*Target::parse(target), image.code.data(), image.segments.front().main_offset, image.code.size());
      EXPECT_TRUE(code.ok());
      return std::count_if(code->begin(), code->end(), [](const Instruction& instruction) {
        return instruction.text.find("[rdi") != std::string::npos;
      });
    };
    EXPECT_EQ(reads_of_args(784, true), 8) << target;
    EXPECT_GT(reads_of_args(784, false), 8) << target;
    EXPECT_GT(reads_of_args(49, true), 8) << target;  // the last columns are staged, in rows of 64 bytes
  }
}

TEST(Image, CrossEmissionUsesOnlyTheTargetsRegisters) {
  const Weights weights = random_weights(40, 100, 0.3, 3);
  Problem problem;
  problem.epilogue = {true, true, true, Residual::after_activation, Activation::hard_swish, 0, 0, 0};
  for (const Layout layout : {Layout::plain, Layout::panel}) {
    problem.y_layout = layout;
    const KernelImage image = image_of(weights, {Form::sparse, 6, 1, 0, 0, true}, "x86-64-v3", problem);
    for (const Segment& segment : image.segments) {
      auto code = decode(*Target::parse("x86-64-v3"), image.code.data(), segment.main_offset, image.code.size());
      ASSERT_TRUE(code.ok()) << code.error().message;
      for (const Instruction& instruction : *code) {
        EXPECT_EQ(instruction.text.find("zmm"), std::string::npos) << instruction.text;
        EXPECT_EQ(instruction.text.find('{'), std::string::npos) << instruction.text;
        for (int r = 16; r < 32; ++r) {
          EXPECT_EQ(instruction.text.find("mm" + std::to_string(r)), std::string::npos) << instruction.text;
        }
      }
    }
  }
}

// A tile takes its sums to the function and back, two moves each; the function's own code doesn't come with every tile.
TEST(Image, AnActivationsCodeIsMadeOnce) {
  const Weights weights = random_weights(310, 40, 0.1, 7);
  for (const char* target : {"x86-64-v4", "x86-64-v3"}) {
    const int32_t rows = std::string(target) == "x86-64-v4" ? 31 : 6;
    const auto bytes = [&](Activation activation) {
      Problem problem;
      problem.epilogue.activation = activation;
      return image_of(weights, {Form::sparse, rows, 1, 0, 0, false}, target, problem).code.size();
    };
    const size_t plain = bytes(Activation::none);
    for (const Activation activation : {Activation::silu, Activation::gelu_erf, Activation::tanh}) {
      constexpr size_t kFunction = 3000, kMove = 9, kCall = 128;  // 128: and two lines that a tile's end may move by
      const size_t tiles = (310 + static_cast<size_t>(rows) - 1) / static_cast<size_t>(rows);
      EXPECT_LT(bytes(activation), plain + kFunction + tiles * kCall + 2 * kMove * 310 * (rows == 31 ? 1 : 2))
          << target;
      EXPECT_GT(bytes(activation), plain) << target;
    }
  }
}

TEST(Image, CodeDependsOnThePatternOnly) {
  const Weights weights = random_weights(50, 90, 0.2, 4);
  std::vector<float> others(weights.values().begin(), weights.values().end());
  for (float& v : others) v = -3 * v;
  const Weights same_pattern = *Weights::create(weights.pattern(), others);
  const Weights other_pattern = random_weights(50, 90, 0.2, 5);
  const Schedule schedule{Form::sparse, 31, 1, 0, 0, true};
  EXPECT_EQ(image_of(weights, schedule, "x86-64-v4").code, image_of(same_pattern, schedule, "x86-64-v4").code);
  EXPECT_NE(image_of(weights, schedule, "x86-64-v4").code, image_of(other_pattern, schedule, "x86-64-v4").code);
}

TEST(Disassemble, NamesTheNonzeroBehindEachMultiply) {
  // Row 2 holds columns 5 and 9 only: with rows in order the third accumulator is multiplied twice.
  std::vector<float> dense(4 * 12, 0.0f);
  dense[0 * 12 + 1] = 1, dense[2 * 12 + 5] = 2, dense[2 * 12 + 9] = 3, dense[3 * 12 + 5] = 4;
  const Weights weights = *Weights::from_dense({dense.data(), 4, 12, 12});
  Problem problem;
  problem.epilogue.bias = true;
  const std::vector<float> bias(4, 1.0f);
  const Schedule schedule{Form::sparse, 31, 1, 0, 0, false};
  for (const char* target : {"x86-64-v4", "x86-64-v3"}) {
    Schedule fitting = schedule;
    if (std::string(target) == "x86-64-v3") fitting.tile_rows = 6;
    CompileOptions options;
    options.target = target;
    options.schedule = &fitting;
    auto kernel = compile(weights, problem, {bias, {}, {}}, options);
    ASSERT_TRUE(kernel.ok()) << kernel.error().message;
    auto text = disassemble(*kernel);
    ASSERT_TRUE(text.ok()) << text.error().message;
    const auto has = [&](const char* part) { return text->find(part) != std::string::npos; };
    for (const char* part : {"; W[0, 1]", "; W[2, 5]", "; W[2, 9]", "; W[3, 5]", "; bias[0]", "; bias[3]"}) {
      EXPECT_TRUE(has(part)) << target << " lacks " << part << "\n" << *text;
    }
    EXPECT_LT(text->find("; W[2, 5]"), text->find("; W[2, 9]"));
    EXPECT_TRUE(has("4x12"));
  }
}

TEST(Target, WithoutFmaOrAvx2IsRefused) {
  const Weights weights = random_weights(4, 4, 0.5, 6);
  CompileOptions options;
  options.target = "x86-64-v3,-fma";
  auto kernel = compile(weights, {}, {}, options);
  ASSERT_FALSE(kernel.ok());
  EXPECT_NE(kernel.error().message.find("fma"), std::string::npos) << kernel.error().message;
}

}  // namespace
}  // namespace sparsmith

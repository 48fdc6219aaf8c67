// The compact form where others don't go: millions of nonzeros, one row, one column, columns too many for two bytes;
// and what its streams allow: new values, artifacts.
#include <gmock/gmock.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <numeric>

#include "tests/correctness/layer_case.h"

namespace sparsmith {
namespace {

using testing::check_kernel;
using ::testing::HasSubstr;
using testing::LayerCase;
using testing::make_weights;
using ::testing::Not;

class Compact : public testing::PerTarget {
 protected:
  CompileOptions options(const Schedule* schedule = nullptr) const {
    CompileOptions result;
    result.target = target();
    result.schedule = schedule;
    return result;
  }
};

/// Every row has `per_row` nonzeros, at columns that differ from row to row.
Weights regular_weights(int64_t m, int64_t k, int64_t per_row) {
  std::vector<int64_t> offsets(static_cast<size_t>(m) + 1);
  std::vector<int32_t> columns;
  columns.reserve(static_cast<size_t>(m * per_row));
  const int64_t step = k / per_row;
  for (int64_t r = 0; r < m; ++r) {
    for (int64_t i = 0; i < per_row; ++i) columns.push_back(static_cast<int32_t>(i * step + (r * 7 + i * 3) % step));
    offsets[static_cast<size_t>(r) + 1] = static_cast<int64_t>(columns.size());
  }
  std::vector<float> values(columns.size());
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i * 31 % 17) / 8 - 1;
  return *Weights::create(*Pattern::create(m, k, std::move(offsets), std::move(columns)), std::move(values));
}

TEST_P(Compact, EveryNumberOfPanelsAndRest) {
  const int most = Target::parse(target())->isa() == Isa::avx512 ? 16 : 6;
  for (int panels = 1; panels <= most; ++panels) {
    for (const int64_t n :
         {int64_t{1}, int64_t{16 * panels - 1}, int64_t{16 * panels}, int64_t{16 * (2 * panels + 1)}}) {
      for (const Layout layout : {Layout::plain, Layout::panel}) {
        LayerCase c{.m = 45, .k = 70, .density = 0.4, .target = target(), .shape = {.n = n}, .threads = 3};
        c.seed = static_cast<uint32_t>(panels * 100 + n);
        c.problem.x_layout = c.problem.y_layout = layout;
        c.problem.epilogue.accumulate = n % 3 == 0;
        c.problem.epilogue.residual = Residual::after_activation;
        c.problem.epilogue.activation = Activation::hard_swish;
        // n-blocks of a pass, which share panels, and of all.
        c.schedule = Schedule{.form = Form::compact,
                              .tile_rows = 20,
                              .panels_per_pass = panels,
                              .k_block = panels % 2 == 0 ? 30 : 0,
                              .n_block = n % 2 == 0 ? panels : 0};
        ASSERT_TRUE(check_layer(c));
      }
    }
  }
}

TEST_P(Compact, RowsOfEveryLength) {
  // Row r has r nonzeros: every entry into a round, and several rounds.
  const int64_t m = 70, k = 70;
  std::vector<float> dense(static_cast<size_t>(m * k), 0.0f);
  for (int64_t r = 0; r < m; ++r) {
    for (int64_t i = 0; i < r; ++i) dense[static_cast<size_t>(r * k + i)] = static_cast<float>((r + i) % 5) - 1.5f;
  }
  const Weights weights = *Weights::from_dense({dense.data(), m, k, k});
  for (const int panels : {1, 3, 4, 6}) {
    const Schedule schedule{.form = Form::compact, .tile_rows = 70, .panels_per_pass = panels};
    const Result<Kernel> kernel = compile(weights, {}, {}, options(&schedule));
    ASSERT_TRUE(kernel.ok()) << kernel.error().message;
    EXPECT_TRUE(check_kernel(*kernel, weights, {}, {.n = 16 * panels + 5}, 1, 1));
  }
}

TEST_P(Compact, OneRowOneColumnAndColumnsBeyondTwoBytes) {
  for (const auto& [m, k, per_row] : {std::tuple{int64_t{1}, int64_t{100'000}, int64_t{5000}},
                                      {int64_t{1}, int64_t{1}, int64_t{1}},
                                      {int64_t{100'000}, int64_t{1}, int64_t{1}},
                                      {int64_t{40}, int64_t{100'000}, int64_t{700}}}) {
    const Weights weights = regular_weights(m, k, per_row);
    for (const int64_t k_block : {int64_t{0}, int64_t{128}, int64_t{8192}, int64_t{8193}, int64_t{99'999}}) {
      const Schedule schedule{.form = Form::compact, .tile_rows = 128, .panels_per_pass = 2, .k_block = k_block};
      const Result<Kernel> kernel = compile(weights, {}, {}, options(&schedule));
      ASSERT_TRUE(kernel.ok()) << kernel.error().message;
      EXPECT_TRUE(check_kernel(*kernel, weights, {}, {.n = 37}, 2, 1)) << m << "x" << k << " in blocks of " << k_block;
    }
  }
}

TEST_P(Compact, TenMillionNonzerosArePlannedSo) {
  const Weights weights = regular_weights(10'000, 100'000, 1000);
  ASSERT_EQ(weights.nnz(), 10'000'000);
  Problem problem;
  problem.n = 8;
  problem.x_layout = problem.y_layout = Layout::panel;
  const Result<Kernel> kernel = compile(weights, problem, {}, options());
  ASSERT_TRUE(kernel.ok()) << kernel.error().message;
  EXPECT_EQ(kernel->plan().chosen.form, Form::compact) << kernel->plan().reason;
  EXPECT_THAT(kernel->plan().reason, HasSubstr("larger than 24 MB"));
  EXPECT_LT(kernel->report().code_bytes, 100'000);

  std::vector<float> x(static_cast<size_t>(panel_floats(weights.cols(), 8))),
      y(static_cast<size_t>(panel_floats(weights.rows(), 8)));
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i * 13 % 29) / 16 - 1;
  ASSERT_TRUE(kernel->run({.x = x.data(), .y = y.data(), .n = 8}).ok());
  const auto offsets = weights.pattern().row_offsets();
  const auto columns = weights.pattern().columns();
  for (int64_t row = 0; row < weights.rows(); row += 97) {
    for (int64_t lane = 0; lane < 8; ++lane) {
      double sum = 0, magnitude = 0;
      for (int64_t i = offsets[row]; i < offsets[row + 1]; ++i) {
        const double product =
            static_cast<double>(weights.values()[i]) * x[static_cast<size_t>(columns[i] * 16 + lane)];
        sum += product;
        magnitude += std::abs(product);
      }
      ASSERT_NEAR(y[static_cast<size_t>(row * 16 + lane)], sum, 1e-5 * magnitude) << row;
    }
  }
}

TEST_P(Compact, NewValuesAndArtifacts) {
  LayerCase c{.m = 60, .k = 300, .density = 0.2, .target = target(), .shape = {.n = 53}};
  c.problem.epilogue.bias = true;
  c.problem.epilogue.activation = Activation::prelu;
  const Weights weights = make_weights(c);
  const testing::OwnedParams params(c.problem.epilogue, c.m, 1), other_params(c.problem.epilogue, c.m, 2);
  const Schedule schedule{.form = Form::compact, .tile_rows = 16, .panels_per_pass = 3, .k_block = 100};
  Result<Kernel> kernel = compile(weights, c.problem, params.view(), options(&schedule));
  ASSERT_TRUE(kernel.ok()) << kernel.error().message;
  std::vector<float> values(weights.values().begin(), weights.values().end());
  for (float& value : values) value = 1 - 2 * value;
  const Weights others = *Weights::create(weights.pattern(), values);
  ASSERT_TRUE(kernel->update_values(others, other_params.view()).ok());
  EXPECT_TRUE(check_kernel(*kernel, others, other_params.view(), c.shape, 2, 3));

  const std::string path = ::testing::TempDir() + "compact_" + target() + ".smk";
  ASSERT_TRUE(kernel->save(path).ok());
  const Result<Kernel> loaded = Kernel::load(path);
  std::filesystem::remove(path);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  EXPECT_EQ(loaded->plan().chosen, schedule);
  EXPECT_TRUE(check_kernel(*loaded, others, other_params.view(), c.shape, 2, 3));

  const Result<std::string> text = disassemble(*loaded);
  ASSERT_TRUE(text.ok()) << text.error().message;
  EXPECT_THAT(*text, HasSubstr("no instruction belongs to one of them"));
  EXPECT_THAT(*text, HasSubstr("vfmadd231ps"));
  EXPECT_THAT(*text, Not(HasSubstr("; W[")));
}

Conv2d same_size(int64_t height, int64_t width, int64_t stride = 1) {
  Conv2d conv{.height = height, .width = width, .stride_h = stride, .stride_w = stride, .kernel_h = 3, .kernel_w = 3};
  conv.pad_top = conv.pad_left = conv.pad_bottom = conv.pad_right = 1;
  return conv;
}

TEST_P(Compact, ConvolutionsInPassesOfPartsOfRowsRowsAndImages) {
  const int most = Target::parse(target())->isa() == Isa::avx512 ? 16 : 6;
  // Tiles of 2 x 7, 2 x 2, 1 x 5 and 3 x 2 positions.
  for (const auto& [height, width, stride] :
       {std::tuple<int64_t, int64_t, int64_t>{14, 14, 1}, {7, 7, 1}, {2, 40, 1}, {24, 12, 2}}) {
    for (int panels = 1; panels <= most; ++panels) {
      LayerCase c{.m = 33, .k = 6 * 9, .density = 0.3, .target = target(), .threads = 3};
      c.problem.conv = same_size(height, width, stride);
      c.problem.x_layout = panels % 3 == 0 ? Layout::plain : Layout::panel;
      c.problem.y_layout = panels % 2 == 0 ? Layout::plain : Layout::panel;
      c.problem.epilogue.bias = true;
      c.problem.epilogue.residual = Residual::before_activation;
      c.problem.epilogue.accumulate = panels % 4 == 0;
      c.shape.batch = 3;
      c.seed = static_cast<uint32_t>(panels + height);
      for (const int64_t k_block : {0, 9, 18}) {
        for (const int64_t n_block : {0, 5}) {
          c.schedule = Schedule{.form = Form::compact,
                                .tile_rows = 20,
                                .panels_per_pass = panels,
                                .k_block = k_block,
                                .n_block = n_block};
          ASSERT_TRUE(check_layer(c));
        }
      }
    }
  }
}

TEST_P(Compact, ConvolutionsOfLinesBeyondTwoBytes) {
  // 1100 channels: one row of taps spans 2 * 1100 + 1100 lines, all of them 10 positions more.
  LayerCase c{.m = 20, .k = 1100 * 9, .density = 0.01, .target = target(), .threads = 2};
  for (const int64_t groups : {1, 5}) {
    c.k = 1100 * 9 / groups;
    for (const int64_t k_block : {int64_t{0}, int64_t{3300}, int64_t{330}}) {
      c.problem.conv = same_size(9, 9);
      c.problem.conv->groups = groups;
      c.problem.conv->dilation_w = groups == 1 ? 2 : 1;
      c.schedule = Schedule{.form = Form::compact, .tile_rows = 20, .panels_per_pass = 3, .k_block = k_block};
      ASSERT_TRUE(check_layer(c));
    }
  }
}

TEST_P(Compact, AConvolutionOfMillionsOfNonzerosIsPlannedSo) {
  // 1024 x 1024 channels of 3 x 3: 4.7 million nonzeros, more than 24 MB of straight-line code.
  const Weights weights = regular_weights(1024, 1024 * 9, 4608);
  Problem problem;
  problem.conv = same_size(7, 7);
  problem.conv->order = WeightOrder::hwc;
  const Result<Kernel> kernel = compile(weights, problem, {}, options());
  ASSERT_TRUE(kernel.ok()) << kernel.error().message;
  EXPECT_NE(kernel->plan().chosen.form, Form::sparse) << kernel->plan().reason;
  EXPECT_THAT(kernel->plan().reason, HasSubstr("larger than 24 MB"));
  const auto compact = std::ranges::find_if(
      kernel->plan().candidates, [](const Candidate& candidate) { return candidate.schedule.form == Form::compact; });
  ASSERT_NE(compact, kernel->plan().candidates.end());
  const Result<Kernel> forced = compile(weights, problem, {}, options(&compact->schedule));
  ASSERT_TRUE(forced.ok()) << forced.error().message;
  EXPECT_LT(forced->report().code_bytes, 100'000);
  EXPECT_TRUE(check_kernel(*forced, weights, {}, {}, 2, 1));
}

TEST_P(Compact, ConvolutionsKeepTheirStreamsInArtifacts) {
  LayerCase c{.m = 40, .k = 12 * 9, .density = 0.2, .target = target()};
  c.problem.conv = same_size(14, 14);
  const Weights weights = make_weights(c);
  const Schedule schedule{.form = Form::compact, .tile_rows = 16, .panels_per_pass = 6, .k_block = 18};
  const Result<Kernel> kernel = compile(weights, c.problem, {}, options(&schedule));
  ASSERT_TRUE(kernel.ok()) << kernel.error().message;
  const std::string path = ::testing::TempDir() + "compact_conv_" + target() + ".smk";
  ASSERT_TRUE(kernel->save(path).ok());
  const Result<Kernel> loaded = Kernel::load(path);
  std::filesystem::remove(path);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  EXPECT_EQ(loaded->plan().chosen, schedule);
  EXPECT_TRUE(check_kernel(*loaded, weights, {}, c.shape, 2, 3));
}

TEST_P(Compact, SchedulesOutOfRangeAreRefused) {
  const Weights weights = make_weights(LayerCase{.m = 40, .k = 40, .density = 0.2});
  const auto refusal = [&](Schedule schedule) {
    schedule.form = Form::compact;
    const Result<Kernel> kernel = compile(weights, {}, {}, options(&schedule));
    return kernel.ok() ? std::string("accepted") : kernel.error().message;
  };
  EXPECT_EQ(refusal({.tile_rows = 65536}), "accepted");
  EXPECT_THAT(refusal({.tile_rows = 65537}), HasSubstr("1 to 65536"));
  EXPECT_THAT(refusal({.panels_per_pass = 17}), HasSubstr("17 panels per pass"));
  EXPECT_THAT(refusal({.direct_x = true}), HasSubstr("in place"));
  EXPECT_THAT(refusal({.tile_group = 2, .inner_panels = 1}), HasSubstr("groups of tiles"));

  LayerCase c{.m = 8, .k = 6 * 9, .density = 0.5, .target = target()};
  c.problem.conv = same_size(9, 9);
  const auto conv_refusal = [&](int64_t k_block) {
    const Schedule schedule{.form = Form::compact, .tile_rows = 8, .k_block = k_block};
    const Result<Kernel> kernel = compile(make_weights(c), c.problem, {}, options(&schedule));
    return kernel.ok() ? std::string("accepted") : kernel.error().message;
  };
  EXPECT_EQ(conv_refusal(9), "accepted");
  EXPECT_THAT(conv_refusal(10), HasSubstr("6 channels, with rows of 3 taps"));
  EXPECT_THAT(conv_refusal(12), HasSubstr("6 channels, with rows of 3 taps"));
  EXPECT_THAT(conv_refusal(36), HasSubstr("6 channels, with rows of 3 taps"));
}

SPARSMITH_FOR_EACH_TARGET(Compact);

}  // namespace
}  // namespace sparsmith

// Every legal register tile, every block size class; and schedules that are refused.
#include <gmock/gmock.h>

#include "tests/correctness/layer_case.h"

namespace sparsmith {
namespace {

using ::testing::HasSubstr;
using testing::LayerCase;

class Schedules : public testing::PerTarget {
 protected:
  // The most rows a tile may have, found by asking.
  int32_t most_rows(Form form, int32_t panels) {
    int32_t rows = 0;
    for (int32_t r = 1; r <= 64; ++r) {
      Schedule schedule{.form = form, .tile_rows = r, .panels_per_pass = panels};
      LayerCase c{.m = 2, .k = 2};
      CompileOptions options;
      options.target = target();
      options.schedule = &schedule;
      if (compile(make_weights(c), {}, {}, options).ok()) rows = r;
    }
    return rows;
  }
};

TEST_P(Schedules, EveryRegisterTile) {
  const bool wide = Target::parse(target())->isa() == Isa::avx512;
  for (const Form form : {Form::sparse, Form::dense}) {
    for (int32_t panels = 1; panels <= 3; ++panels) {
      const int32_t most = most_rows(form, panels);
      if (wide && panels == 1) {
        EXPECT_EQ(most, 31);
      }
      ASSERT_GE(most, 1);
      for (int32_t rows = 1; rows <= most; ++rows) {
        LayerCase c{.m = 67, .k = 41, .density = 0.3, .target = target(), .shape = {.n = 16 * 5 + 3}};
        c.seed = static_cast<uint32_t>(rows);
        c.problem.epilogue.activation = Activation::hard_swish;
        c.schedule =
            Schedule{.form = form, .tile_rows = rows, .panels_per_pass = panels, .cluster_rows = rows % 2 == 0};
        c.problem.y_layout = rows % 3 == 0 ? Layout::panel : Layout::plain;
        ASSERT_TRUE(check_layer(c));
      }
    }
  }
}

TEST_P(Schedules, EveryBlockSize) {
  for (const Form form : {Form::sparse, Form::dense, Form::compact}) {
    for (const int64_t k_block : {0, 1, 16, 17, 32, 48, 99, 100, 101, 1000}) {
      for (const int64_t n_block : {0, 1, 2, 3, 4, 7, 8, 100}) {
        LayerCase c{.m = 40, .k = 100, .density = 0.2, .target = target(), .shape = {.n = 16 * 7 + 1}, .threads = 3};
        c.seed = static_cast<uint32_t>(k_block + n_block);
        c.problem.epilogue.accumulate = n_block % 2 == 0;
        c.problem.epilogue.activation = Activation::relu;
        c.problem.y_layout = n_block % 3 == 0 ? Layout::panel : Layout::plain;
        c.schedule =
            Schedule{.form = form, .tile_rows = 2, .panels_per_pass = 2, .k_block = k_block, .n_block = n_block};
        ASSERT_TRUE(check_layer(c));
      }
    }
  }
}

// Rows of X are reached from one pointer by multiples of the stride, in groups that then move on: depths, gaps between
// used rows and strides of all sizes, against an unmapped page after X.
TEST_P(Schedules, PlainXReadInPlace) {
  for (const int64_t k : {1, 2, 7, 8, 9, 16, 17, 100, 1000}) {
    for (const double density : {0.003, 0.1, 0.9}) {
      for (const int64_t n : {1, 15, 16, 17, 49, 96}) {
        LayerCase c{.m = 33, .k = k, .density = density, .target = target(), .shape = {.n = n}};
        c.seed = static_cast<uint32_t>(k + n);
        c.shape.pad_x = n % 4 * 9;
        c.shape.pad_y = n % 3;
        c.problem.y_layout = (k + n) % 2 == 0 ? Layout::plain : Layout::panel;
        c.problem.epilogue.accumulate = n % 5 == 0;
        c.schedule = Schedule{.tile_rows = 5, .k_block = k % 3 == 1 ? 0 : 40, .n_block = n % 4, .direct_x = true};
        ASSERT_TRUE(check_layer(c));
      }
    }
  }
}

TEST_P(Schedules, TooLargeTilesAreRefusedByNumber) {
  const LayerCase c{.m = 40, .k = 40};
  const Weights weights = make_weights(c);
  const auto refusal = [&](Schedule schedule) {
    CompileOptions options;
    options.target = target();
    options.schedule = &schedule;
    const Result<Kernel> kernel = compile(weights, {}, {}, options);
    EXPECT_FALSE(kernel.ok());
    if (kernel.ok()) return std::string();
    EXPECT_EQ(kernel.error().kind, ErrorKind::bad_input);
    return kernel.error().message;
  };
  EXPECT_THAT(refusal({.tile_rows = 32}), HasSubstr("32"));
  EXPECT_THAT(refusal({.tile_rows = 0}), HasSubstr("0"));
  EXPECT_THAT(refusal({.tile_rows = 1, .panels_per_pass = 4}), HasSubstr("4"));
  EXPECT_THAT(refusal({.tile_rows = 1, .panels_per_pass = 0}), HasSubstr("0"));
  EXPECT_NE(refusal({.tile_rows = 1, .k_block = -1}), "");
  EXPECT_NE(refusal({.tile_rows = 1, .n_block = -1}), "");
}

SPARSMITH_FOR_EACH_TARGET(Schedules);

}  // namespace
}  // namespace sparsmith

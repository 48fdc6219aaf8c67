// Columns of X as windows and columns of Y as slices, for every stride, step and size.
#include "runtime/windows.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <vector>

namespace sparsmith {
namespace {

struct alignas(64) Line {
  float lane[16];
};

TEST(Windows, HoldTheirColumnsAndZerosPastTheEnd) {
  for (const int64_t k : {1, 4, 15, 16, 17, 31, 32, 33, 100, 257}) {
    for (const int64_t step : {4, 8, 16}) {
      for (const int64_t columns : {1, 3}) {
        for (const int64_t stride : {1, 5, 16}) {
          // Exactly as long as it must be: a sanitizer sees reads past the last row.
          std::vector<float> x(static_cast<size_t>((k - 1) * stride + 1));
          std::iota(x.begin(), x.end(), 1.0f);
          std::vector<float> copy(static_cast<size_t>(k));
          const WindowShape shape{k, step, columns};
          std::vector<Line> lines(static_cast<size_t>(shape.count() * columns), Line{{-1}});
          const int64_t u = columns - 1;
          EXPECT_FALSE(fill_windows({x.data(), stride}, shape, copy.data(), lines[static_cast<size_t>(u)].lane));
          for (int64_t w = 0; w < shape.count(); ++w) {
            for (int64_t l = 0; l < 16; ++l) {
              const int64_t row = w * step + l;
              const float expected = row < k ? x[static_cast<size_t>(row * stride)] : 0.0f;
              ASSERT_EQ(lines[static_cast<size_t>(w * columns + u)].lane[l], expected) << k << " " << step << " " << w;
            }
            if (columns > 1) {
              ASSERT_EQ(lines[static_cast<size_t>(w * columns)].lane[0], -1) << "another column's";
            }
          }
        }
      }
    }
  }
}

TEST(Windows, NumbersThatAreNotFiniteBecomeZerosAndAreReported) {
  for (const int64_t k : {1, 16, 40, 100}) {
    for (const float special : {NAN, -NAN, INFINITY, -INFINITY}) {
      for (int64_t at = 0; at < k; ++at) {
        for (const int64_t stride : {1, 2}) {
          std::vector<float> x(static_cast<size_t>(k * stride), 3.0e38f), copy(static_cast<size_t>(k));
          x[static_cast<size_t>(at * stride)] = special;
          const WindowShape shape{k, 8, 1};
          std::vector<Line> lines(static_cast<size_t>(shape.count()));
          ASSERT_TRUE(fill_windows({x.data(), stride}, shape, copy.data(), lines[0].lane)) << at;
          for (int64_t row = 0; row < k; ++row) {
            ASSERT_EQ(lines[static_cast<size_t>(row / 8)].lane[row % 8], row == at ? 0.0f : 3.0e38f);
          }
        }
      }
    }
  }
}

TEST(Slices, GoThereAndBack) {
  std::mt19937 rng(3);
  for (const int64_t m : {1, 15, 16, 17, 50}) {
    std::vector<int32_t> order(static_cast<size_t>(m));
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.end(), rng);
    for (const SliceShape shape : {SliceShape{16, 1}, SliceShape{16, 4}, SliceShape{8, 1}, SliceShape{8, 3}}) {
      const int64_t slices = (m + shape.lanes - 1) / shape.lanes;
      EXPECT_EQ(shape.count(m), slices);
      std::vector<float> y(static_cast<size_t>(m * 3)), back(y.size(), -1.0f);
      std::iota(y.begin(), y.end(), 1.0f);
      std::vector<float> lines(static_cast<size_t>(slices * shape.columns * 16), NAN);
      gather_slices({y.data(), 3}, order, shape, lines.data());
      for (int64_t p = 0; p < slices * shape.lanes; ++p) {
        const float expected = p < m ? y[static_cast<size_t>(order[static_cast<size_t>(p)] * 3)] : 0.0f;
        ASSERT_EQ(lines[static_cast<size_t>(p / shape.lanes * shape.columns * 16 + p % shape.lanes)], expected);
      }
      scatter_slices(lines.data(), order, shape, {back.data(), 3});
      for (size_t i = 0; i < back.size(); ++i) ASSERT_EQ(back[i], i % 3 == 0 ? y[i] : -1.0f);
    }
  }
}

TEST(Columns, AreCopiedWithZerosBehindThemAndForNumbersThatAreNotFinite) {
  for (const int64_t k : {1, 7, 16, 33}) {
    for (const int64_t stride : {1, 16}) {
      for (const float special : {1.0f, NAN, INFINITY, -INFINITY}) {
        std::vector<float> x(static_cast<size_t>(k * stride), NAN);
        for (int64_t i = 0; i < k; ++i) x[static_cast<size_t>(i * stride)] = static_cast<float>(i) - 3.0f;
        x[static_cast<size_t>((k - 1) * stride)] = special;
        std::vector<float> copy(static_cast<size_t>(k + 9), -1.0f);
        EXPECT_EQ(fill_column({x.data(), stride}, k, k + 8, copy.data()), !std::isfinite(special));
        for (int64_t i = 0; i + 1 < k; ++i) ASSERT_EQ(copy[static_cast<size_t>(i)], static_cast<float>(i) - 3.0f);
        EXPECT_EQ(copy[static_cast<size_t>(k - 1)], std::isfinite(special) ? special : 0.0f);
        for (int64_t i = k; i < k + 8; ++i) ASSERT_EQ(copy[static_cast<size_t>(i)], 0.0f);
        EXPECT_EQ(copy.back(), -1.0f);
      }
    }
  }
}

}  // namespace
}  // namespace sparsmith

// Arithmetic on rows in panels, in vectors of each width that this CPU has, against double.
#include "model/row_math.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "sparsmith/panel.h"

namespace sparsmith::test {
namespace {

using model::HeadRows;
using model::RowMath;

/// Rows in panels on 64-byte lines, random also where there are none.
struct Panels {
  int64_t channels, rows;
  float* lines;
  Panels(int64_t c, int64_t n, std::mt19937& random, float offset = 0) : channels(c), rows(n) {
    const int64_t floats = panel_floats(c, n);
    lines = static_cast<float*>(::operator new (static_cast<size_t>(floats) * sizeof(float), std::align_val_t{64}));
    std::normal_distribution<float> normal(offset, 1);
    for (int64_t i = 0; i < floats; ++i) lines[i] = normal(random);
  }
  ~Panels() { ::operator delete (lines, std::align_val_t{64}); }
  Panels(const Panels&) = delete;
  Panels& operator=(const Panels&) = delete;
  int64_t pitch() const { return channels * kPanelWidth; }
  float& at(int64_t row, int64_t c) const { return lines[row / 16 * pitch() + c * 16 + row % 16]; }
};

class RowMathTest : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    math = model::row_math(GetParam());
    if (math == nullptr) GTEST_SKIP() << "this CPU has no vectors of " << GetParam() << " floats";
  }
  const RowMath* math = nullptr;
};

TEST_P(RowMathTest, NormalisesEachLane) {
  std::mt19937 random(1);
  for (const int64_t channels : {1, 2, 7, 8, 33, 384, 1000}) {
    for (const float offset : {0.0f, 1000.0f}) {
      Panels x(channels, 16, random, offset), y(channels, 16, random), scales(channels, 1, random);
      for (const bool shifted : {false, true}) {
        const std::vector<float> ones(static_cast<size_t>(channels), 0.5f), shifts(static_cast<size_t>(channels), 3);
        math->normalise(x.lines, channels, ones.data(), shifted ? shifts.data() : nullptr, 1e-5f, y.lines);
        for (int64_t row = 0; row < 16; ++row) {
          double mean = 0, variance = 0;
          for (int64_t c = 0; c < channels; ++c) mean += double{x.at(row, c)} / static_cast<double>(channels);
          for (int64_t c = 0; c < channels; ++c) {
            variance += std::pow(double{x.at(row, c)} - mean, 2) / static_cast<double>(channels);
          }
          for (int64_t c = 0; c < channels; ++c) {
            const double expected =
                (double{x.at(row, c)} - mean) / std::sqrt(variance + 1e-5) * 0.5 + (shifted ? 3 : 0);
            ASSERT_NEAR(y.at(row, c), expected, 3e-6) << channels << " channels, offset " << offset;
          }
        }
      }
    }
  }
}

struct Sizes {
  int64_t first_query, queries, first_key, keys, depth, width;
};

/// All of a head, and nothing but it: rows before and behind keep what they hold.
TEST_P(RowMathTest, AttendsToTheKeysOfItsOwn) {
  std::mt19937 random(2);
  const auto pick = [&](int64_t least, int64_t most) {
    return std::uniform_int_distribution<int64_t>(least, most)(random);
  };
  for (int trial = 0; trial < 150; ++trial) {
    SCOPED_TRACE("trial " + std::to_string(trial));
    const bool even = trial % 4 == 0;
    const Sizes s{even ? 0 : pick(0, 40),
                  pick(1, 80),
                  even ? 0 : pick(0, 40),
                  trial % 5 == 0 ? pick(120, 400) : pick(1, 60),
                  pick(1, 40),
                  trial % 7 == 0 ? pick(200, RowMath::kMostWidth) : pick(1, 40)};
    const int64_t heads = pick(1, 3), head = pick(0, heads - 1), behind = pick(0, 20);
    Panels q(heads * s.depth, s.first_query + s.queries + behind, random);
    Panels k(heads * s.depth, s.first_key + s.keys + behind, random);
    Panels v(heads * s.width, s.first_key + s.keys + behind, random);
    Panels y(heads * s.width, q.rows, random);
    const std::vector<float> before(y.lines, y.lines + panel_floats(y.channels, y.rows));
    const int masked = static_cast<int>(pick(0, 2));  // by nothing, of keys, of queries and keys
    std::vector<float> mask(static_cast<size_t>(s.queries * s.keys));
    std::normal_distribution<float> normal(0, 3);
    for (float& m : mask) m = pick(0, 3) == 0 ? -INFINITY : normal(random);
    // Whole blocks of keys that nobody may look at come first where there are so many.
    for (int64_t j = 0; j + 1 < s.keys && trial % 3 == 0; ++j) mask[static_cast<size_t>(j)] = -INFINITY;
    HeadRows rows;
    rows.q = q.lines + head * s.depth * 16;
    rows.k = k.lines + head * s.depth * 16;
    rows.v = v.lines + head * s.width * 16;
    rows.y = y.lines + head * s.width * 16;
    rows.q_panel = q.pitch();
    rows.k_panel = k.pitch();
    rows.v_panel = v.pitch();
    rows.y_panel = y.pitch();
    rows.depth = s.depth;
    rows.width = s.width;
    rows.first_query = s.first_query;
    rows.queries = s.queries;
    rows.first_key = s.first_key;
    rows.keys = s.keys;
    rows.mask = masked == 0 ? nullptr : mask.data();
    rows.mask_query = masked == 2 ? s.keys : 0;
    rows.mask_key = 1;
    rows.scale = 0.4f;
    rows.last = behind == 0;
    math->attend(rows);

    for (int64_t row = 0; row < panel_count(y.rows) * 16; ++row) {
      const int64_t i = row - s.first_query;
      std::vector<double> weights(static_cast<size_t>(s.keys));
      double most = -INFINITY, sum = 0;
      if (i >= 0 && i < s.queries) {
        for (int64_t j = 0; j < s.keys; ++j) {
          double score = 0;
          for (int64_t d = 0; d < s.depth; ++d) {
            score += double{q.at(row, head * s.depth + d)} * double{k.at(s.first_key + j, head * s.depth + d)};
          }
          score *= double{rows.scale};
          if (masked > 0) score += double{mask[static_cast<size_t>(i * rows.mask_query + j)]};
          weights[static_cast<size_t>(j)] = score;
          most = std::max(most, score);
        }
        for (double& weight : weights) sum += weight = std::exp(weight - most);
      }
      for (int64_t c = 0; c < y.channels; ++c) {
        const float actual = y.at(row, c);
        const bool ours = c >= head * s.width && c < (head + 1) * s.width;
        if (i < 0 || !ours || (i >= s.queries && !rows.last)) {
          ASSERT_EQ(actual, before[static_cast<size_t>(&y.at(row, c) - y.lines)]) << "row " << row << " isn't ours";
          continue;
        }
        if (i >= s.queries) continue;
        double expected = 0;
        for (int64_t j = 0; j < s.keys; ++j)
          expected += weights[static_cast<size_t>(j)] / sum * double{v.at(s.first_key + j, c)};
        if (std::isnan(expected)) {
          ASSERT_TRUE(std::isnan(actual)) << "row " << row;
        } else {
          ASSERT_NEAR(actual, expected, 1e-5) << "row " << row << ", channel " << c;
        }
      }
    }
  }
}

TEST_P(RowMathTest, LetsNotANumberThrough) {
  std::mt19937 random(3);
  Panels q(8, 16, random), k(8, 16, random), v(8, 16, random), y(8, 16, random);
  k.at(5, 2) = NAN;
  HeadRows rows;
  rows.q = q.lines;
  rows.k = k.lines;
  rows.v = v.lines;
  rows.y = y.lines;
  rows.depth = rows.width = 8;
  rows.queries = rows.keys = 16;
  rows.last = true;
  math->attend(rows);
  for (int64_t row = 0; row < 16; ++row) ASSERT_TRUE(std::isnan(y.at(row, 3)));
  q.at(7, 1) = NAN;
  const std::vector<float> ones(8, 1);
  math->normalise(q.lines, 8, ones.data(), nullptr, 1e-5f, y.lines);
  for (int64_t row = 0; row < 16; ++row) ASSERT_EQ(std::isnan(y.at(row, 3)), row == 7);
}

INSTANTIATE_TEST_SUITE_P(Widths, RowMathTest, testing::Values(16, 8, 4),
                         [](const auto& width) { return "of" + std::to_string(width.param); });

}  // namespace
}  // namespace sparsmith::test

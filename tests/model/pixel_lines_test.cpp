// Every form of the arithmetic on pixels, and of the transpositions that make them, does what its header says.
#include "model/pixel_lines.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "runtime/line_transpose.h"

namespace sparsmith::model {
namespace {

constexpr int64_t kLanes = 16;

struct Form {
  const char* name;
  const PixelMath* math;
  const LineTranspose* transpose;
};

std::vector<Form> forms() {
  std::vector<Form> all{{"portable", &kPortablePixelMath, &kPortableLineTranspose}};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    all.push_back({"avx2", &kAvx2PixelMath, &kPortableLineTranspose});
  }
  if (__builtin_cpu_supports("avx512f")) all.push_back({"avx512", &kAvx512PixelMath, &kAvx512LineTranspose});
#endif
  return all;
}

class PixelLines : public testing::Test {
 protected:
  std::vector<float> lines(int64_t count) {
    std::vector<float> floats(static_cast<size_t>(count * kLanes));
    for (float& v : floats) v = std::normal_distribution<float>()(random_);
    return floats;
  }
  int64_t pick(int64_t least, int64_t most) { return std::uniform_int_distribution<int64_t>(least, most)(random_); }
  std::mt19937 random_{7};
};

TEST_F(PixelLines, AreWeighedWithinBounds) {
  for (const Form& form : forms()) {
    for (int64_t pixels = 1; pixels <= 40; ++pixels) {
      const int64_t step = pick(1, 3), count = pick(1, 9);
      std::vector<int32_t> taps;
      for (int64_t t = 0; t < count; ++t) taps.push_back(static_cast<int32_t>(pick(0, 20)));
      std::vector<float> x = lines(21 + pixels * step);
      x[static_cast<size_t>(pick(0, static_cast<int64_t>(x.size()) - 1))] = std::numeric_limits<float>::quiet_NaN();
      const auto weights = lines(count), start = lines(1);
      const std::vector<float> lo(kLanes, -0.7f), hi(kLanes, 0.9f);
      std::vector<float> y(static_cast<size_t>((pixels + 1) * kLanes), 99.0f);
      form.math->weigh(x.data(), taps.data(), step, weights.data(), count, start.data(), lo.data(), hi.data(), pixels,
                       y.data());
      for (int64_t i = 0; i < pixels * kLanes; ++i) {
        const int64_t p = i / kLanes, l = i % kLanes;
        double sum = start[static_cast<size_t>(l)];
        for (int64_t t = 0; t < count; ++t) {
          sum += static_cast<double>(x[static_cast<size_t>((taps[static_cast<size_t>(t)] + p * step) * kLanes + l)]) *
                 static_cast<double>(weights[static_cast<size_t>(t * kLanes + l)]);
        }
        const float actual = y[static_cast<size_t>(i)];
        ASSERT_EQ(std::isnan(sum), std::isnan(actual)) << form.name;
        if (std::isnan(sum)) continue;
        const double expected = std::clamp(sum, -0.7, 0.9);
        ASSERT_NEAR(actual, expected, 1e-5) << form.name << ", " << pixels << " pixels, " << i;
      }
      for (int64_t l = 0; l < kLanes; ++l) ASSERT_EQ(y[static_cast<size_t>(pixels * kLanes + l)], 99.0f) << form.name;
    }
  }
}

TEST_F(PixelLines, HaveTheirLargestOrNaN) {
  for (const Form& form : forms()) {
    const int64_t pixels = 33, step = 2;
    const std::vector<int32_t> taps{0, 3, 1, 5};
    std::vector<float> x = lines(6 + pixels * step);
    for (size_t i = 0; i < x.size(); i += 97) x[i] = std::numeric_limits<float>::quiet_NaN();
    std::vector<float> y(static_cast<size_t>(pixels * kLanes));
    form.math->largest(x.data(), taps.data(), step, 4, pixels, y.data());
    for (int64_t i = 0; i < pixels * kLanes; ++i) {
      float expected = -INFINITY;
      for (const int32_t tap : taps) {
        const float v = x[static_cast<size_t>((tap + i / kLanes * step) * kLanes + i % kLanes)];
        expected = std::isnan(v) || std::isnan(expected) ? NAN : std::max(expected, v);
      }
      const float actual = y[static_cast<size_t>(i)];
      ASSERT_TRUE(std::isnan(expected) ? std::isnan(actual) : actual == expected) << form.name << " " << i;
    }
  }
}

TEST_F(PixelLines, AreInterpolated) {
  for (const Form& form : forms()) {
    const int64_t pixels = 21, width = 4;
    std::vector<int32_t> index;
    for (int64_t i = 0; i < pixels * width; ++i) index.push_back(static_cast<int32_t>(pick(0, 9)));
    const auto x = lines(10), weights = lines(6);
    std::vector<float> y(static_cast<size_t>(pixels * kLanes));
    form.math->interpolate(x.data(), index.data(), weights.data(), width, pixels, y.data());
    for (int64_t i = 0; i < pixels * kLanes; ++i) {
      double expected = 0;
      for (int64_t t = i / kLanes * width; t < (i / kLanes + 1) * width; ++t) {
        expected += static_cast<double>(x[static_cast<size_t>(index[static_cast<size_t>(t)] * kLanes + i % kLanes)]) *
                    static_cast<double>(weights[static_cast<size_t>(t)]);
      }
      ASSERT_NEAR(y[static_cast<size_t>(i)], expected, 1e-5) << form.name << " " << i;
    }
  }
}

TEST_F(PixelLines, AreTransposedThereAndBack) {
  for (const Form& form : forms()) {
    for (int64_t count = 1; count <= kLanes; ++count) {
      const int64_t stride = pick(1, 3) * kLanes;
      const auto x = lines(kLanes * 3);
      std::vector<int32_t> at(kLanes);
      std::iota(at.begin(), at.end(), 0);
      std::shuffle(at.begin(), at.end(), random_);
      std::vector<float> pixels = lines(kLanes + 1);
      const std::vector<float> behind(pixels.end() - kLanes, pixels.end());
      form.transpose->scatter(x.data(), stride, count, at.data(), pixels.data());
      for (int64_t l = 0; l < kLanes; ++l) {
        for (int64_t c = 0; c < kLanes; ++c) {
          const float expected = c < count ? x[static_cast<size_t>(c * stride + l)] : 0.0f;
          ASSERT_EQ(pixels[static_cast<size_t>(at[static_cast<size_t>(l)] * kLanes + c)], expected) << form.name;
        }
      }
      ASSERT_TRUE(std::equal(behind.begin(), behind.end(), pixels.end() - kLanes)) << form.name;
      std::vector<float> back(x.size(), 99.0f);
      form.transpose->gather(pixels.data(), at.data(), stride, count, back.data());
      for (size_t i = 0; i < back.size(); ++i) {
        const auto line = static_cast<int64_t>(i) / kLanes;
        const bool written = line % (stride / kLanes) == 0 && line / (stride / kLanes) < count;
        ASSERT_EQ(back[i], written ? x[i] : 99.0f) << form.name << " " << count << " lines, float " << i;
      }
    }
  }
}

}  // namespace
}  // namespace sparsmith::model

// e^x and what is made of it: within the errors that elementary.h states, and right for numbers that aren't ordinary.
#include "ops/elementary.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace sparsmith::ops {
namespace {

/// Ulps of the result, or of 2^-20 where it is smaller, by which f is off at most; over floats of both signs.
template <class F, class Exact>
double worst(F f, Exact exact, float most, uint32_t step) {
  double found = 0;
  for (uint32_t bits = std::bit_cast<uint32_t>(0x1p-40f); bits < std::bit_cast<uint32_t>(most); bits += step) {
    for (const float x : {std::bit_cast<float>(bits), -std::bit_cast<float>(bits)}) {
      const double expected = exact(static_cast<double>(x));
      int exponent = 0;
      std::frexp(std::max(std::fabs(expected), 0x1p-20), &exponent);
      const double off = std::fabs(static_cast<double>(f(x)) - expected) / std::ldexp(1.0, exponent - 24);
      found = std::isnan(off) ? off : std::max(found, off);
      if (std::isnan(off)) return off;
    }
  }
  return found;
}

constexpr uint32_t kStep = 1009;

double logistic(double x) { return 1 / (1 + std::exp(-x)); }

TEST(Elementary, ErrorsAreThoseStated) {
  EXPECT_LE(worst([](float x) { return exp(x); }, [](double x) { return std::exp(x); }, 88.0f, kStep), 1.3);
  EXPECT_LE(worst([](float x) { return sigmoid(x); }, logistic, 256, kStep), 2.4);
  EXPECT_LE(worst([](float x) { return silu(x); }, [](double x) { return x * logistic(x); }, 256, kStep), 3.2);
  EXPECT_LE(worst([](float x) { return tanh(x); }, [](double x) { return std::tanh(x); }, 256, kStep), 2.7);
  EXPECT_LE(worst([](float x) { return erf(x); }, [](double x) { return std::erf(x); }, 256, kStep), 2.6);
  EXPECT_LE(worst([](float x) { return gelu_erf(x); },
                  [](double x) { return x * std::erfc(-x * 0.70710678118654752440) / 2; }, 256, kStep),
            3.2);
  EXPECT_LE(
      worst([](float x) { return gelu_tanh(x); },
            [](double x) { return x * logistic(1.5957691216057307118 * (x + 0.044715 * x * x * x)); }, 256, kStep),
      3.2);
}

TEST(Elementary, ExponentialsAtTheEndsOfFloats) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(exp(kInfinity), kInfinity);
  EXPECT_EQ(exp(-kInfinity), 0.0f);
  EXPECT_EQ(exp(89.0f), kInfinity);
  EXPECT_EQ(exp(-105.0f), 0.0f);
  EXPECT_TRUE(std::isfinite(exp(88.7f)));
  EXPECT_EQ(exp(0.0f), 1.0f);
  // Denormal results lose bits, not their size.
  EXPECT_NEAR(static_cast<double>(exp(-100.0f)), std::exp(-100.0), 1.5e-45);
}

TEST(Elementary, UnusualNumbers) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity(), kNan = std::numeric_limits<float>::quiet_NaN();
  for (const auto f :
       {+[](float x) { return exp(x); }, +[](float x) { return sigmoid(x); }, +[](float x) { return silu(x); },
        +[](float x) { return tanh(x); }, +[](float x) { return erf(x); }, +[](float x) { return gelu_erf(x); },
        +[](float x) { return gelu_tanh(x); }}) {
    EXPECT_TRUE(std::isnan(f(kNan)));
    EXPECT_TRUE(std::isnan(f(-kNan)));
  }
  EXPECT_EQ(sigmoid(kInfinity), 1.0f);
  EXPECT_EQ(sigmoid(-kInfinity), 0.0f);
  EXPECT_EQ(tanh(-kInfinity), -1.0f);
  EXPECT_EQ(erf(kInfinity), 1.0f);
  EXPECT_EQ(tanh(-1e-40f), -1e-40f);
  for (const auto f :
       {+[](float x) { return silu(x); }, +[](float x) { return tanh(x); }, +[](float x) { return erf(x); },
        +[](float x) { return gelu_erf(x); }, +[](float x) { return gelu_tanh(x); }}) {
    EXPECT_EQ(f(0.0f), 0.0f);
    EXPECT_FALSE(std::signbit(f(0.0f)));
    EXPECT_TRUE(std::signbit(f(-0.0f)));
  }
  for (const auto f : {+[](float x) { return silu(x); }, +[](float x) { return gelu_erf(x); },
                       +[](float x) { return gelu_tanh(x); }}) {
    EXPECT_EQ(f(kInfinity), kInfinity);
    EXPECT_TRUE(std::isnan(f(-kInfinity)));  // as -inf * 0 is
    EXPECT_EQ(f(-3e38f), 0.0f);
  }
}

}  // namespace
}  // namespace sparsmith::ops

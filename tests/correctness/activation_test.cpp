// Activations with an exponential, number by number: the errors that problem.h states, and what becomes of numbers that
// aren't ordinary.
#include <bit>
#include <cmath>

#include "kernels/tolerance.h"
#include "tests/correctness/layer_case.h"

namespace sparsmith {
namespace {

double sigmoid(double v) { return 1 / (1 + std::exp(-v)); }

struct Function {
  Activation activation;
  double ulps;  ///< as problem.h has it
  double (*exact)(double);
};
constexpr Function kFunctions[] = {
    {Activation::sigmoid, 2.4, [](double v) { return sigmoid(v); }},
    {Activation::silu, 3.2, [](double v) { return v * sigmoid(v); }},
    {Activation::tanh, 2.6, [](double v) { return std::tanh(v); }},
    {Activation::gelu_erf, 5.4, [](double v) { return v * std::erfc(-v * 0.70710678118654752440) / 2; }},
    {Activation::gelu_tanh, 3.2,
     [](double v) { return v * sigmoid(1.5957691216057307118 * (v + 0.044715 * v * v * v)); }},
};

/// The distance of floats at x, or at 2^-20 where x is smaller.
double ulp(double x) {
  int exponent = 0;
  std::frexp(std::max(std::fabs(x), kLeastRelative), &exponent);
  return std::ldexp(1.0, exponent - 24);
}

class Activations : public testing::PerTarget {
 protected:
  /// f(x) by a kernel whose weight is 1, of narrow code where `lanes` says so.
  std::vector<float> run(Activation activation, const std::vector<float>& x, int lanes) {
    const float one = 1;
    const Weights weights = Weights::from_dense({&one, 1, 1, 1}).value();
    Problem problem;
    problem.epilogue.activation = activation;
    const Schedule schedule{.form = Form::sparse, .tile_rows = 1, .lanes = lanes};
    CompileOptions options;
    options.target = target();
    options.schedule = &schedule;
    const Result<Kernel> kernel = compile(weights, problem, {}, options);
    if (!kernel.ok()) {
      ADD_FAILURE() << kernel.error().message;
      return std::vector<float>(x.size());
    }
    std::vector<float> y(x.size());
    const Status ran = kernel->run({.x = x.data(), .y = y.data(), .n = static_cast<int64_t>(x.size())});
    EXPECT_TRUE(ran.ok());
    return y;
  }
};

TEST_P(Activations, ErrorsAreThoseStated) {
  // Floats from 2^-40 to 256 of both signs, one in so many.
  const auto sweep = [](uint32_t step) {
    std::vector<float> x;
    for (uint32_t bits = std::bit_cast<uint32_t>(0x1p-40f); bits < std::bit_cast<uint32_t>(256.0f); bits += step) {
      x.push_back(std::bit_cast<float>(bits));
      x.push_back(-x.back());
    }
    return x;
  };
  for (const int lanes : {16, 8, 4}) {
    const std::vector<float> x = sweep(lanes == 16 ? 509 : 10007);
    for (const Function& f : kFunctions) {
      EXPECT_LE(f.ulps, kActivationUlps);
      const std::vector<float> y = run(f.activation, x, lanes);
      double worst = 0;
      float at = 0;
      for (size_t i = 0; i < x.size(); ++i) {
        const double exact = f.exact(static_cast<double>(x[i]));
        const double off = std::fabs(static_cast<double>(y[i]) - exact) / ulp(exact);
        if (off <= worst) continue;
        worst = off;
        at = x[i];
      }
      EXPECT_LE(worst, f.ulps) << "activation " << static_cast<int>(f.activation) << " at " << at << ", lanes "
                               << lanes;
      EXPECT_GT(worst, 0.4);  // exact results of so many numbers would mean that none was looked at
    }
  }
}

TEST_P(Activations, UnusualNumbers) {
  constexpr float kMost = std::numeric_limits<float>::max(), kTiny = 1e-40f;
  const std::vector<float> x = {INFINITY, -INFINITY, NAN, -NAN, 0.0f, -0.0f, kTiny, -kTiny, kMost, -kMost, 1e-30f};
  struct Row {
    Activation activation;
    std::vector<float> expected;
  };
  const std::vector<float> linear = {INFINITY, NAN, NAN, NAN, 0.0f, -0.0f, kTiny / 2, -kTiny / 2, kMost, -0.0f, 5e-31f};
  const Row rows[] = {
      {Activation::sigmoid, {1, 0, NAN, NAN, 0.5f, 0.5f, 0.5f, 0.5f, 1, 0, 0.5f}},
      {Activation::silu, linear},
      {Activation::tanh, {1, -1, NAN, NAN, 0.0f, -0.0f, kTiny, -kTiny, 1, -1, 1e-30f}},
      {Activation::gelu_erf, linear},
      {Activation::gelu_tanh, linear},
  };
  for (const Row& row : rows) {
    const std::vector<float> y = run(row.activation, x, 16);
    for (size_t i = 0; i < x.size(); ++i) {
      const float expected = row.expected[i];
      const bool right =
          std::isnan(expected) ? std::isnan(y[i]) : y[i] == expected && std::signbit(y[i]) == std::signbit(expected);
      EXPECT_TRUE(right) << "activation " << static_cast<int>(row.activation) << " of " << x[i] << " is " << y[i]
                         << ", expected " << expected;
    }
  }
}

SPARSMITH_FOR_EACH_TARGET(Activations);

}  // namespace
}  // namespace sparsmith

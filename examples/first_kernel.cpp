// Load a pruned layer, compile it for this machine, see why the plan is what it is, run it, check it.
//   first_kernel [directory of the digits layer] [K.smk to save]
#include <sparsmith/sparsmith.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace {

// Every call that can fail returns a Result: a value, or an error that says what is wrong and what would be right.
template <class T>
T value_or_exit(sparsmith::Result<T> result) {
  if (result.ok()) return std::move(result).value();
  std::fprintf(stderr, "%s\n%s\n", result.error().message.c_str(), result.error().hint.c_str());
  std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string directory = argc > 1 ? argv[1] : "examples/digits";

  // The layer: W[512, 512] with 90 % zeros, its bias, and a real batch of inputs X[512, 128].
  const sparsmith::Weights weights = value_or_exit(sparsmith::load_weights(directory + "/hidden.npz"));
  const sparsmith::Array bias = value_or_exit(sparsmith::load_array(directory + "/hidden_bias.npy"));
  const sparsmith::Array x = value_or_exit(sparsmith::load_array(directory + "/activations.npy"));
  const int64_t m = weights.rows(), k = weights.cols(), n = x.shape[1];

  // Y = relu(W x X + bias), planned for n columns; any other number runs as well.
  sparsmith::Problem problem;
  problem.n = n;
  problem.epilogue.bias = true;
  problem.epilogue.activation = sparsmith::Activation::relu;
  const sparsmith::LayerParams params{.bias = bias.data, .row_scale = {}, .prelu_slope = {}};
  const sparsmith::Kernel kernel = value_or_exit(sparsmith::compile(weights, problem, params));
  std::printf("%s", sparsmith::explain(kernel.plan()).c_str());

  std::vector<float> y(static_cast<size_t>(m * n));
  value_or_exit(kernel.run({.x = x.data.data(), .y = y.data(), .n = n}));

  // The same in double, the slow way.
  const std::vector<float> dense = weights.to_dense();
  double worst = 0;
  for (int64_t row = 0; row < m; ++row)
    for (int64_t column = 0; column < n; ++column) {
      double sum = bias.data[static_cast<size_t>(row)];
      for (int64_t i = 0; i < k; ++i)
        sum +=
            static_cast<double>(dense[static_cast<size_t>(row * k + i)]) * x.data[static_cast<size_t>(i * n + column)];
      worst = std::max(worst, std::abs(std::max(sum, 0.0) - y[static_cast<size_t>(row * n + column)]));
    }
  std::printf("largest difference from double precision: %.1e\n", worst);

  if (argc > 2) value_or_exit(kernel.save(argv[2]));
  return worst < 1e-4 ? 0 : 1;
}

// Two layers of a network, whose activations stay in the library's panel layout between them: packed once at the
// front, unpacked once at the end. Reads the digits in a batch of images.
//   chain_packed [directory of the digits layer]
#include <sparsmith/sparsmith.h>

#include <cstdio>
#include <cstdlib>

namespace {

template <class T>
T value_or_exit(sparsmith::Result<T> result) {
  if (result.ok()) return std::move(result).value();
  std::fprintf(stderr, "%s\n%s\n", result.error().message.c_str(), result.error().hint.c_str());
  std::exit(1);
}

sparsmith::Kernel compile_layer(const std::string& weights_path, const std::string& bias_path, int64_t n,
                                sparsmith::Activation activation) {
  const sparsmith::Weights weights = value_or_exit(sparsmith::load_weights(weights_path));
  const sparsmith::Array bias = value_or_exit(sparsmith::load_array(bias_path));
  sparsmith::Problem problem;
  problem.n = n;
  problem.x_layout = problem.y_layout = sparsmith::Layout::panel;
  problem.epilogue.bias = true;
  problem.epilogue.activation = activation;
  // The kernel keeps what it needs of weights and bias.
  return value_or_exit(sparsmith::compile(weights, problem, {.bias = bias.data, .row_scale = {}, .prelu_slope = {}}));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string directory = argc > 1 ? argv[1] : "examples/digits";
  const sparsmith::Array x = value_or_exit(sparsmith::load_array(directory + "/activations.npy"));
  const sparsmith::Array labels = value_or_exit(sparsmith::load_array(directory + "/labels.npy"));
  const int64_t k = x.shape[0], n = x.shape[1];

  // A pruned hidden layer, then the output layer, which has no zeros: the plan is free to take the dense form there.
  using sparsmith::Activation;
  const auto hidden = compile_layer(directory + "/hidden.npz", directory + "/hidden_bias.npy", n, Activation::relu);
  const auto output = compile_layer(directory + "/output.npy", directory + "/output_bias.npy", n, Activation::none);
  std::printf("hidden: %s\noutput: %s\n", hidden.plan().reason.c_str(), output.plan().reason.c_str());

  std::vector<float> packed_x(static_cast<size_t>(sparsmith::panel_floats(k, n)));
  std::vector<float> packed_hidden(static_cast<size_t>(sparsmith::panel_floats(hidden.m(), n)));
  std::vector<float> packed_scores(static_cast<size_t>(sparsmith::panel_floats(output.m(), n)));
  sparsmith::pack(x.data.data(), k, n, n, packed_x.data());
  value_or_exit(hidden.run({.x = packed_x.data(), .y = packed_hidden.data(), .n = n}));
  value_or_exit(output.run({.x = packed_hidden.data(), .y = packed_scores.data(), .n = n}));
  std::vector<float> scores(static_cast<size_t>(output.m() * n));
  sparsmith::unpack(packed_scores.data(), output.m(), n, scores.data(), n);

  int64_t correct = 0;
  for (int64_t image = 0; image < n; ++image) {
    int64_t best = 0;
    for (int64_t digit = 1; digit < output.m(); ++digit)
      if (scores[static_cast<size_t>(digit * n + image)] > scores[static_cast<size_t>(best * n + image)]) best = digit;
    correct += static_cast<float>(best) == labels.data[static_cast<size_t>(image)];
  }
  // accuracy.json says what the training script got for this batch.
  std::printf("%lld of %lld digits read correctly\n", static_cast<long long>(correct), static_cast<long long>(n));
  return correct == 123 ? 0 : 1;
}

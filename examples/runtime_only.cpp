// What an app ships: a kernel file and libsparsmith_runtime, which needs nothing but the C++ standard library. Runs
// the kernel on one input for two numbers of columns and threads, and checks that the results agree.
//   runtime_only K.smk
#include <sparsmith/kernel.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: runtime_only K.smk\n");
    return 2;
  }
  const auto loaded = sparsmith::Kernel::load(argv[1]);
  if (!loaded.ok()) {
    std::fprintf(stderr, "%s\n%s\n", loaded.error().message.c_str(), loaded.error().hint.c_str());
    return 1;
  }
  const sparsmith::Kernel& kernel = *loaded;
  std::printf("%s: [%lld, %lld], %lld nonzeros, for %s\n", kernel.symbol().c_str(), static_cast<long long>(kernel.m()),
              static_cast<long long>(kernel.k()), static_cast<long long>(kernel.nnz()), kernel.target().c_str());

  const auto run = [&](int64_t n, int threads) {
    std::vector<float> x(static_cast<size_t>(kernel.k() * n)), y(static_cast<size_t>(kernel.m() * n));
    for (size_t i = 0; i < x.size(); ++i)
      x[i] = static_cast<float>(i / static_cast<size_t>(n) % 7) - 3;  // equal columns
    const sparsmith::Status status = kernel.run({.x = x.data(), .y = y.data(), .n = n, .threads = threads});
    if (!status.ok()) {
      std::fprintf(stderr, "%s\n", status.error().message.c_str());
      std::exit(1);
    }
    return y;
  };

  const std::vector<float> one = run(1, 1);
  const std::vector<float> many = run(100, 2);
  double sum = 0;
  for (size_t row = 0; row < one.size(); ++row) {
    sum += one[row];
    for (size_t column = 0; column < 100; ++column)
      if (std::abs(many[row * 100 + column] - one[row]) > 1e-5f * (1 + std::abs(one[row]))) {
        std::fprintf(stderr, "row %zu, column %zu: %g is not %g\n", row, column, many[row * 100 + column], one[row]);
        return 1;
      }
  }
  std::printf("the sum of Y's first column is %.4f, and all columns agree\n", sum);
  return 0;
}

// A project of someone else: compiles a small matrix and checks one product.
#include <sparsmith/sparsmith.h>

#include <cstdio>

int main() {
  const float w[] = {1, 0, 2, 0, 0, 3};  // 2 x 3
  const float x[] = {1, 2, 3, 4, 5, 6};  // 3 x 2
  float y[4] = {};
  const auto weights = sparsmith::Weights::from_dense({.data = w, .rows = 2, .cols = 3, .ld = 3});
  if (!weights.ok()) return std::puts(weights.error().message.c_str()), 1;
  const auto kernel = sparsmith::compile(*weights, {.n = 2});
  if (!kernel.ok()) return std::puts(kernel.error().message.c_str()), 1;
  const auto status = kernel->run({.x = x, .y = y, .n = 2});
  if (!status.ok()) return std::puts(status.error().message.c_str()), 1;
  std::printf("sparsmith %s: %g %g %g %g\n", sparsmith::version(), y[0], y[1], y[2], y[3]);
  return y[0] == 11 && y[1] == 14 && y[2] == 15 && y[3] == 18 ? 0 : 1;
}

// A kernel on the application's own threads: here OpenMP's. Checks that they change no bit of the result.
//   own_threads [directory of the digits layer]
#include <omp.h>
#include <sparsmith/sparsmith.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

template <class T>
T value_or_exit(sparsmith::Result<T> result) {
  if (result.ok()) return std::move(result).value();
  std::fprintf(stderr, "%s\n%s\n", result.error().message.c_str(), result.error().hint.c_str());
  std::exit(1);
}

void on_openmp(void*, int parts, void (*body)(void* data, int part), void* data) {
#pragma omp parallel for schedule(dynamic, 1)
  for (int part = 0; part < parts; ++part) body(data, part);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string directory = argc > 1 ? argv[1] : "examples/digits";
  const sparsmith::Weights weights = value_or_exit(sparsmith::load_weights(directory + "/hidden.npz"));
  const sparsmith::Array x = value_or_exit(sparsmith::load_array(directory + "/activations.npy"));
  const int64_t n = x.shape[1];
  sparsmith::Problem problem;
  problem.n = n;
  const sparsmith::Kernel kernel = value_or_exit(sparsmith::compile(weights, problem));

  std::vector<float> alone(static_cast<size_t>(kernel.m() * n)), divided(alone.size());
  value_or_exit(kernel.run({.x = x.data.data(), .y = alone.data(), .n = n}));
  const sparsmith::ParallelFor openmp{on_openmp, nullptr, omp_get_max_threads()};
  value_or_exit(kernel.run({.x = x.data.data(), .y = divided.data(), .n = n, .parallel = &openmp}));

  const bool same = std::memcmp(alone.data(), divided.data(), alone.size() * sizeof(float)) == 0;
  std::printf("%d OpenMP threads: %s\n", openmp.concurrency, same ? "the same bits" : "another result");
  return same ? 0 : 1;
}

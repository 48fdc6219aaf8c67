#include "bench/compile_benchmark.h"

#include <benchmark/benchmark.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <limits>
#include <memory>

#include "sparsmith/sparsmith.h"

namespace sparsmith::bench {
namespace {

namespace fs = std::filesystem;

/// A cache directory of this process, removed at the end.
class TemporaryDirectory {
 public:
  TemporaryDirectory()
      : path_((fs::temp_directory_path() / ("sparsmith-bench-" + std::to_string(getpid()))).string()) {}
  ~TemporaryDirectory() {
    std::error_code error;
    fs::remove_all(path_, error);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

double peak_memory_mb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

/// Compiles once per iteration. `cached`: from a disk cache that an uncounted first compile has filled.
void run_compile(benchmark::State& state, const Case& c, bool cached) {
  const auto weights = load_weights(c.path);
  if (!weights) {
    state.SkipWithError(weights.error().message.c_str());
    return;
  }
  Problem problem;
  problem.n = c.n;
  problem.x_layout = problem.y_layout = Layout::panel;
  CompileOptions options;
  options.name = c.name;
  std::unique_ptr<TemporaryDirectory> directory;
  CacheOptions cache;
  if (cached) {
    directory = std::make_unique<TemporaryDirectory>();
    cache.directory = directory->path();
    options.cache = std::make_shared<Cache>(cache);
    const auto filled = compile(*weights, problem, {}, options);
    if (!filled) {
      state.SkipWithError(filled.error().message.c_str());
      return;
    }
  }
  const double before = peak_memory_mb();
  const auto wanted = cached ? BuildReport::Source::disk_cache : BuildReport::Source::built;
  double first_ns = 0, least_ns = std::numeric_limits<double>::infinity();
  int64_t least_emit_ns = std::numeric_limits<int64_t>::max(), code_bytes = 0;
  for (auto _ : state) {
    if (cached) options.cache = std::make_shared<Cache>(cache);
    const auto start = std::chrono::steady_clock::now();
    auto kernel = compile(*weights, problem, {}, options);
    const std::chrono::duration<double, std::nano> time = std::chrono::steady_clock::now() - start;
    if (!kernel || kernel->report().source != wanted) {
      state.SkipWithError(kernel ? "the code came from another place than was to be measured"
                                 : kernel.error().message.c_str());
      return;
    }
    state.SetIterationTime(time.count() * 1e-9);
    if (first_ns == 0) first_ns = time.count();
    least_ns = std::min(least_ns, time.count());
    least_emit_ns = std::min(least_emit_ns, std::max<int64_t>(kernel->report().emit_ns, 1));
    code_bytes = kernel->report().code_bytes;
  }
  state.counters["first_ms"] = first_ns * 1e-6;
  state.counters["least_ms"] = least_ns * 1e-6;
  state.counters["nnz"] = static_cast<double>(weights->nnz());
  state.counters["code_bytes"] = static_cast<double>(code_bytes);
  if (!cached) {
    state.counters["emit_nnz_per_s"] = static_cast<double>(weights->nnz()) * 1e9 / static_cast<double>(least_emit_ns);
  }
  state.counters["peak_mb"] = peak_memory_mb();
  state.counters["peak_before_mb"] = before;
}

}  // namespace

void register_compile(const Case& c) {
  const std::string suffix = "/" + c.name + "/n:" + std::to_string(c.n);
  for (const bool cached : {false, true}) {
    benchmark::RegisterBenchmark(((cached ? "compile_disk" : "compile_cold") + suffix).c_str(),
                                 [c, cached](benchmark::State& state) { run_compile(state, c, cached); })
        ->Unit(benchmark::kMillisecond)
        ->UseManualTime();
  }
}

}  // namespace sparsmith::bench

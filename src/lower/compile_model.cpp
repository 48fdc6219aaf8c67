#include "sparsmith/compile_model.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>

#include "artifact/file_io.h"
#include "lower/compile_graph.h"
#include "lower/lower.h"
#include "model/model_file.h"
#include "onnx/read.h"
#include "passes/passes.h"
#include "runtime/kernel_impl.h"
#include "sparsmith/compiler.h"

namespace sparsmith {
namespace {

using Clock = std::chrono::steady_clock;

int64_t ns_since(Clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start).count();
}

/// Bytes of code and values for a nonzero of straight-line code.
constexpr int64_t kBytesPerNonzero = 13;

/// Compiles the layers for one target, on several threads, each taking the next one.
class LayerCompiler {
 public:
  LayerCompiler(const lower::Lowered& lowered, const ModelOptions& options, std::string target, size_t done, size_t all)
      : lowered_(lowered), options_(options), target_(std::move(target)), done_(done), all_(all) {
    int64_t nonzeros = 0;
    for (const lower::Layer& layer : lowered.layers) nonzeros += layer.weights.nnz();
    network_bytes_ = sparsmith::network_code_bytes(nonzeros);
    artifacts_.resize(lowered.layers.size());
    layers_.resize(lowered.layers.size());
    // The largest first, so that threads end together.
    for (size_t i = 0; i < lowered.layers.size(); ++i) order_.push_back(i);
    std::stable_sort(order_.begin(), order_.end(), [&](size_t a, size_t b) {
      return lowered.layers[a].weights.nnz() > lowered.layers[b].weights.nnz();
    });
  }

  Status run() {
    const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
    // Measuring beside other work measures the other work.
    const size_t threads = options_.tune ? 1 : options_.threads > 0 ? static_cast<size_t>(options_.threads) : cores;
    std::vector<std::thread> others;
    try {
      for (size_t t = 1; t < std::min(threads, order_.size()); ++t) others.emplace_back([this] { take_layers(); });
    } catch (const std::system_error&) {
      // Fewer threads than asked for take longer; that is all.
    }
    take_layers();
    for (std::thread& other : others) other.join();
    if (error_) return *error_;
    return success();
  }

  std::vector<std::string> take_artifacts() { return std::move(artifacts_); }
  std::vector<ModelLayer> take_layers_done() { return std::move(layers_); }
  const std::string& target() const { return target_; }

 private:
  void take_layers() noexcept {
    for (size_t i = next_++; i < order_.size(); i = next_++) {
      const Status compiled = compile_one(order_[i]);
      const std::lock_guard lock(mutex_);
      if (!compiled && !error_) error_ = compiled.error();
      if (error_) return;
      if (options_.progress) options_.progress(layers_[order_[i]], ++done_, all_);
    }
  }

  Status compile_one(size_t index) try {
    const auto start = Clock::now();
    const lower::Layer& layer = lowered_.layers[index];
    CompileOptions options;
    options.target = target_;
    options.tune = options_.tune;
    options.tune_ms = options_.tune_ms;
    options.cache = options_.cache;
    options.machine = options_.machine;
    options.network_code_bytes = network_bytes_;
    options.whole_panels = layer.whole_panels;
    options.name = layer.name;
    auto kernel = compile(layer.weights, layer.problem, layer.params(), options);
    if (!kernel) {
      Error error = kernel.error();
      error.message = layer.name + ": " + error.message;
      return error;
    }
    artifacts_[index] = artifact_of(*kernel);
    ModelLayer& report = layers_[index];
    report.name = layer.name;
    report.target = kernel->target();
    report.op = layer.problem.conv ? "Conv" : "MatMul";
    report.m = kernel->m();
    report.k = kernel->k();
    report.nnz = kernel->nnz();
    report.positions = layer.problem.n;
    report.plan = kernel->plan();
    report.code_bytes = kernel->report().code_bytes;
    report.cached = kernel->report().source != BuildReport::Source::built;
    report.ns = ns_since(start);
    return success();
  } catch (const std::bad_alloc&) {
    return unsuitable("no memory to compile " + lowered_.layers[index].name);
  }

  const lower::Lowered& lowered_;
  const ModelOptions& options_;
  std::string target_;
  int64_t network_bytes_ = 0;
  std::vector<size_t> order_;
  std::atomic<size_t> next_ = 0;
  std::mutex mutex_;
  size_t done_, all_;
  std::optional<Error> error_;
  std::vector<std::string> artifacts_;
  std::vector<ModelLayer> layers_;
};

}  // namespace

Result<CompiledModel> lower::compile_graph(graph::Graph graph, const ModelOptions& options) {
  const auto start = Clock::now();
  if (options.targets.empty()) return bad_input("no target was named", "\"host\" is this machine");
  auto lowered = lower(std::move(graph));
  if (!lowered) return lowered.error();
  CompiledModel compiled;
  std::vector<model::ProgramBytes> programs;
  const size_t all = lowered->layers.size() * options.targets.size();
  for (const std::string& name : options.targets) {
    const auto target = Target::parse(name);
    if (!target) return target.error();
    LayerCompiler compiler(*lowered, options, target->to_string(), compiled.layers.size(), all);
    if (Status done = compiler.run(); !done) return done.error();
    model::ProgramBytes& program = programs.emplace_back(model::ProgramBytes{{}, compiler.take_artifacts()});
    program.program.target = compiler.target();
    program.program.buffers = lowered->program.buffers;
    program.program.works = lowered->program.works;
    for (ModelLayer& layer : compiler.take_layers_done()) compiled.layers.push_back(std::move(layer));
  }
  compiled.artifact = model::serialize(lowered->graph, programs, lowered->images_apart);
  compiled.ns = ns_since(start);
  return compiled;
}

int64_t network_code_bytes(int64_t nonzeros) { return nonzeros * kBytesPerNonzero; }

Result<CompiledModel> compile_model(const std::string& onnx_path, const ModelOptions& options) {
  const auto start = Clock::now();
  try {
    auto graph = onnx_reader::read_onnx(onnx_path);
    if (!graph) return graph.error();
    auto simple = passes::simplify(*graph);
    if (!simple) return simple.error();
    auto compiled = lower::compile_graph(std::move(*simple), options);
    if (compiled) compiled->ns = ns_since(start);
    return compiled;
  } catch (const std::bad_alloc&) {
    return unsuitable("no memory to compile " + onnx_path);
  }
}

Status CompiledModel::save(const std::string& path) const { return write_file_atomic(path, artifact); }

}  // namespace sparsmith

#include "cli/model_compile.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>

#include "cli/report.h"

namespace sparsmith::cli {
namespace {

/// Layers of one of a fat artifact's targets.
struct TargetSummary {
  std::string target;
  int64_t layers = 0, cached = 0, weights = 0, nonzeros = 0, code_bytes = 0;
};

std::vector<TargetSummary> summarize(const CompiledModel& compiled) {
  std::vector<TargetSummary> targets;
  for (const ModelLayer& layer : compiled.layers) {
    auto found = std::ranges::find(targets, layer.target, &TargetSummary::target);
    if (found == targets.end()) found = targets.insert(found, TargetSummary{.target = layer.target});
    ++found->layers;
    found->cached += layer.cached ? 1 : 0;
    found->weights += layer.m * layer.k;
    found->nonzeros += layer.nnz;
    found->code_bytes += layer.code_bytes;
  }
  return targets;
}

void print_memory(const CompiledModel& compiled, const std::string& output) {
  const auto model = Model::from_bytes(std::as_bytes(std::span(compiled.artifact)), output);
  if (!model.ok()) {
    // Made for another CPU: its code can't be laid out here.
    if (model.error().kind != ErrorKind::unsuitable) throw Failure{model.error()};
    std::printf("  not for this machine: %s\n", model.error().message.c_str());
    return;
  }
  const ModelMemory memory = take(model->memory(smallest_shapes(*model)));
  std::printf("  %s of activations at batch 1, of %s without reuse\n", human_bytes(memory.activation_bytes).c_str(),
              human_bytes(memory.unshared_bytes).c_str());
  for (const TensorInfo& info : model->inputs()) {
    std::printf("  takes %s: %s\n", printable(info.name).c_str(), describe(info).c_str());
  }
  for (const TensorInfo& info : model->outputs()) {
    std::printf("  gives %s: %s\n", printable(info.name).c_str(), describe(info).c_str());
  }
}

}  // namespace

void compile_model_file(const std::string& onnx, const std::string& output, const ModelCompileOptions& options,
                        const EmitOptions& emit) {
  check_emit(emit, output);
  const CompiledModel compiled = compile_onnx(onnx, options);
  const std::string written = write_model(compiled, output, emit);
  std::printf("%s: %s, compiled in %s\n", written.c_str(),
              human_bytes(static_cast<int64_t>(compiled.artifact.size())).c_str(),
              human_time(static_cast<double>(compiled.ns)).c_str());
  for (const TargetSummary& target : summarize(compiled)) {
    std::printf("  %s: %" PRId64 " layers, %" PRId64 " of %" PRId64 " weights nonzero (%.1f %%), %s of code, %" PRId64
                " from the cache\n",
                target.target.c_str(), target.layers, target.nonzeros, target.weights,
                100 * static_cast<double>(target.nonzeros) / static_cast<double>(std::max<int64_t>(1, target.weights)),
                human_bytes(target.code_bytes).c_str(), target.cached);
  }
  print_memory(compiled, output);
}

}  // namespace sparsmith::cli

#include <cinttypes>
#include <cstdio>

#include "cli/commands.h"
#include "cli/model_compile.h"
#include "cli/options.h"
#include "cli/report.h"

namespace sparsmith::cli {
namespace {

std::string cache_text(const BuildReport& report, const Cache* cache) {
  if (report.source != BuildReport::Source::built) return "hit, code from the disk cache " + cache->directory();
  const std::string built = "planned in " + human_time(static_cast<double>(report.plan_ns)) + ", emitted in " +
                            human_time(static_cast<double>(report.emit_ns));
  return (cache && !cache->directory().empty() ? "miss, " : "off, ") + built;
}

struct CompileCommand {
  LayerOptions layer;
  EmitOptions emit;
  std::string output, threads;
  bool verbose = false;

  void run(const CLI::App& command) const {
    if (!is_onnx(layer.weights)) {
      refuse(command, {"--threads", "--verbose"}, "is for models; a layer is compiled by one thread");
      refuse(command, {"--emit", "--name"}, "is for models; a layer's artifact is a file");
      return run_layer();
    }
    allow_only(command, {"--output", "--emit", "--name", "--target", "--tune", "--cache", "--threads", "--verbose"},
               "describes a layer; " + layer.weights + " is a whole model, which says such things itself");
    compile_model_file(layer.weights, output, {layer.target, layer.cache, threads, layer.tune, verbose}, emit);
  }

  void run_layer() const {
    const Layer input = load_layer(layer);
    const Kernel kernel = take(compile(input.weights, input.problem, input.params(), input.compile));
    check(kernel.save(output));
    const BuildReport& report = kernel.report();
    std::printf("%s: %s\n", output.c_str(), kernel.symbol().c_str());
    std::printf("  %" PRId64 " x %" PRId64 ", %" PRId64 " nonzeros, target %s\n", kernel.m(), kernel.k(), kernel.nnz(),
                kernel.target().c_str());
    std::printf("  %s: %s of code in %s\n", kernel.plan().chosen.describe().c_str(),
                human_bytes(report.code_bytes).c_str(), human_time(static_cast<double>(report.total_ns)).c_str());
    std::printf("  cache: %s\n", cache_text(report, input.compile.cache.get()).c_str());
    if (report.tune_ns > 0) std::printf("  tuned in %s\n", human_time(static_cast<double>(report.tune_ns)).c_str());
    if (!kernel.plan().reason.empty()) std::printf("  %s\n", kernel.plan().reason.c_str());
  }
};

}  // namespace

void add_compile(CLI::App& app) {
  auto command = std::make_shared<CompileCommand>();
  CLI::App* sub = app.add_subcommand("compile", "Turn a pruned model or weight matrix into an artifact");
  command->layer.add_to(*sub);
  sub->add_option("-o,--output", command->output, "the artifact to write")->required()->type_name("F.smk");
  command->emit.add_to(*sub);
  sub->add_option("--threads", command->threads, "of a model: threads that compile (default: all cores)")
      ->type_name("T");
  sub->add_flag("--verbose", command->verbose, "of a model: a line for each layer on stderr");
  sub->footer(
      "A model is an .onnx file; its layers say their shapes and what follows them, so that only --emit, --name,\n"
      "--target, --tune, --cache, --threads and --verbose are for it. Several targets between commas make an artifact\n"
      "for several CPUs.\n"
      "Examples:\n"
      "  sparsmith compile model.onnx -o model.smk\n"
      "  sparsmith compile model.onnx -o model.smk --target x86-64-v4,x86-64-v3 --tune\n"
      "  sparsmith compile model.onnx --emit object -o model.o\n"
      "  sparsmith compile examples/digits/hidden.npz -o hidden.smk --n 128 --relu --bias "
      "examples/digits/hidden_bias.npy\n"
      "  sparsmith compile model.safetensors:blocks.3.fc1.weight -o fc1.smk --n 512 --tune\n"
      "  sparsmith compile conv.npy -o conv.smk --conv 256,14,14 --clip 0,6 --target x86-64-v3");
  sub->callback([command, sub] { command->run(*sub); });
}

}  // namespace sparsmith::cli

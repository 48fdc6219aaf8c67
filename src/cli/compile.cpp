#include <cinttypes>
#include <cstdio>

#include "cli/commands.h"
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
  std::string output;

  void run() const {
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
  CLI::App* sub = app.add_subcommand("compile", "Turn a pruned weight matrix into a kernel file");
  command->layer.add_to(*sub);
  sub->add_option("-o,--output", command->output, "the artifact to write")->required()->type_name("K.smk");
  sub->footer(
      "Examples:\n"
      "  sparsmith compile examples/digits/hidden.npz -o hidden.smk --n 128 --relu --bias "
      "examples/digits/hidden_bias.npy\n"
      "  sparsmith compile model.safetensors:blocks.3.fc1.weight -o fc1.smk --n 512 --tune\n"
      "  sparsmith compile conv.npy -o conv.smk --conv 256,14,14 --clip 0,6 --target x86-64-v3");
  sub->callback([command] { command->run(); });
}

}  // namespace sparsmith::cli

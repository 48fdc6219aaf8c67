#include <unistd.h>

#include <cstdio>

#include "bench/measure.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/report.h"

namespace sparsmith::cli {
namespace {

struct CalibrateCommand {
  std::string target = "host", cache;

  void run() const {
    const Target parsed = take(Target::parse(target));
    if (cache == "none") throw UsageError{"--cache none keeps nothing; name a directory or leave it out"};
    const auto store = open_cache(cache);
    if (store->directory().empty())
      fail("there is no cache directory to keep the costs in: neither SPARSMITH_CACHE, XDG_CACHE_HOME nor HOME is set",
           "Name one with --cache DIR.");
    CalibrateOptions options;
    const bool terminal = isatty(STDERR_FILENO) != 0;
    options.progress = [terminal](std::string_view what) {
      if (terminal) std::fprintf(stderr, "\r\033[Kmeasuring %.*s", static_cast<int>(what.size()), what.data());
    };
    const bench::PinnedThread pin;
    const Result<MachineCosts> costs = calibrate(parsed, options);
    if (terminal) std::fputs("\r\033[K", stderr);
    if (!costs) throw Failure{costs.error()};
    const std::string path = take(store->store_machine_costs(*costs));
    std::printf("%s, %s\n", costs->cpu.c_str(), costs->isa == Isa::avx512 ? "AVX-512" : "AVX2");
    for (const auto& [name, ns] : costs->ns) std::printf("  %-18s %8.4f ns\n", name.c_str(), ns);
    std::printf("predictions are off by %.0f %% (root mean square)\nkept in %s\n", 100 * costs->error, path.c_str());
  }
};

}  // namespace

void add_calibrate(CLI::App& app) {
  auto command = std::make_shared<CalibrateCommand>();
  CLI::App* sub = app.add_subcommand("calibrate", "Measure what operations cost here; later plans use it");
  sub->add_option("--target", command->target, "as for compile: each instruction set has costs of its own")
      ->type_name("T")
      ->capture_default_str();
  sub->add_option("--cache", command->cache, "another directory than the default")->type_name("DIR");
  sub->footer(
      "Takes a few seconds; best on an idle machine. The costs lie beside the code cache, and every compile and "
      "explain\n"
      "that uses the cache plans with them.\n"
      "Example:\n"
      "  sparsmith calibrate");
  sub->callback([command] { command->run(); });
}

}  // namespace sparsmith::cli

#include <cinttypes>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/html.h"
#include "cli/options.h"
#include "cli/report.h"
#include "runtime/split.h"

namespace sparsmith::cli {
namespace {

nlohmann::ordered_json stats_json(const PatternStats& stats) {
  return {{"rows", stats.rows},
          {"cols", stats.cols},
          {"nnz", stats.nnz},
          {"density", stats.density},
          {"empty_rows", stats.empty_rows},
          {"empty_cols", stats.empty_cols},
          {"row_min", stats.row_min},
          {"row_max", stats.row_max},
          {"row_mean", stats.row_mean},
          {"row_stddev", stats.row_stddev},
          {"col_min", stats.col_min},
          {"col_max", stats.col_max},
          {"row_histogram", stats.row_histogram},
          {"col_histogram", stats.col_histogram}};
}

void print_stats(const std::string& path, const PatternStats& stats) {
  std::printf("%s\n", path.c_str());
  std::printf("rows: %" PRId64 " to %" PRId64 " nonzeros, %.1f +- %.1f, %" PRId64 " empty\n", stats.row_min,
              stats.row_max, stats.row_mean, stats.row_stddev, stats.empty_rows);
  std::printf("columns: %" PRId64 " to %" PRId64 " nonzeros, %" PRId64 " empty\n", stats.col_min, stats.col_max,
              stats.empty_cols);
}

const char* split_name(SplitBy by) {
  switch (by) {
    case SplitBy::columns:
      return "columns";
    case SplitBy::rows:
      return "rows";
    case SplitBy::both:
      return "both";
    case SplitBy::none:
      break;
  }
  return "none";
}

std::string describe(const Split& split) {
  if (split.by == SplitBy::none) return "one computes all; there is nothing to divide";
  if (split.by == SplitBy::both)
    return std::to_string(split.threads) + " divide the columns, and by rows those left over";
  return std::to_string(split.threads) + " divide the " + split_name(split.by) +
         (split.by == SplitBy::rows ? ", each over all columns" : ", each with all of the code");
}

struct ExplainCommand {
  LayerOptions layer;
  bool json = false;
  std::string html, threads = "1";

  // Planning alone takes microseconds and leaves no trace; measuring needs the code as well.
  static Plan make(const Layer& input) {
    if (input.compile.tune) return take(compile(input.weights, input.problem, input.params(), input.compile)).plan();
    const auto machine = input.compile.cache
                             ? input.compile.cache->machine_costs(take(Target::parse(input.compile.target)).isa())
                             : nullptr;
    return take(make_plan(input.weights.pattern(), input.problem, take(Target::parse(input.compile.target)),
                          {input.compile.network_code_bytes, machine.get()}));
  }

  void run() const {
    const int wanted = static_cast<int>(parse_count(threads, "--threads", 1, kMaxThreads));
    const Layer input = load_layer(layer);
    const Plan plan = make(input);
    const Split split = choose_split(plan, input.problem, wanted);
    const Pattern& pattern = input.weights.pattern();
    const PatternStats stats = pattern_stats(pattern);
    if (!html.empty()) write_file(html, html_page(layer.weights, pattern, plan));
    if (json) {
      using Json = nlohmann::ordered_json;
      const Json all{{"file", layer.weights},
                     {"pattern", stats_json(stats)},
                     {"plan", Json::parse(explain_json(plan, -1))},
                     {"split", {{"threads", split.threads}, {"by", split_name(split.by)}}}};
      std::printf("%s\n", all.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
      return;
    }
    print_stats(layer.weights, stats);
    std::fputs(sparsmith::explain(plan).c_str(), stdout);
    if (wanted > 1) std::printf("threads: %s\n", describe(split).c_str());
    if (!html.empty()) std::printf("page: %s\n", html.c_str());
  }
};

}  // namespace

void add_explain(CLI::App& app) {
  auto command = std::make_shared<ExplainCommand>();
  CLI::App* sub = app.add_subcommand("explain", "Say how a layer would be computed, and why");
  command->layer.add_to(*sub);
  sub->add_flag("--json", command->json, "as JSON");
  sub->add_option("--threads", command->threads, "also say how so many threads would divide a call")
      ->type_name("T")
      ->capture_default_str();
  sub->add_option("--html", command->html, "also write a page: the pattern's picture, histograms, the plan")
      ->type_name("F");
  sub->footer(
      "Examples:\n"
      "  sparsmith explain W.npz --n 128\n"
      "  sparsmith explain W.npz --n 128 --tune --html W.html");
  sub->callback([command] { command->run(); });
}

}  // namespace sparsmith::cli

#include <cinttypes>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "cli/commands.h"
#include "cli/html.h"
#include "cli/model_explain.h"
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
  std::string json, html, threads = "1";
  bool json_out = false, measure = false;

  // Planning alone takes microseconds and leaves no trace; measuring needs the code as well.
  static Plan make(const Layer& input) {
    if (input.compile.tune) return take(compile(input.weights, input.problem, input.params(), input.compile)).plan();
    const auto machine = input.compile.cache
                             ? input.compile.cache->machine_costs(take(Target::parse(input.compile.target)).isa())
                             : nullptr;
    return take(make_plan(input.weights.pattern(), input.problem, take(Target::parse(input.compile.target)),
                          {input.compile.network_code_bytes, machine.get()}));
  }

  // `--json` takes a file or nothing; in front of what is to be explained it has taken that.
  void sort_out_json(const CLI::App& command) {
    if (command.get_option("--json")->count() == 0) return;
    if (layer.weights.empty()) layer.weights = std::exchange(json, {});
    json_out = json.empty();
  }

  void run(const CLI::App& command) {
    sort_out_json(command);
    if (layer.weights.empty()) throw UsageError{"explain wants a model (.onnx, .smk) or weights"};
    const int wanted = static_cast<int>(parse_count(threads, "--threads", 1, kMaxThreads));
    const bool artifact = names_artifact(layer.weights) || is_model_artifact(layer.weights);
    if (!artifact && !is_onnx(layer.weights)) {
      refuse(command, {"--measure"}, "is for models; --tune measures a layer");
      return run_layer(wanted);
    }
    std::vector<std::string> allowed{"--json", "--html", "--threads", "--measure", "--cache"};
    if (!artifact) allowed.insert(allowed.end(), {"--target", "--tune"});
    allow_only(command, allowed,
               artifact ? "can't change what is compiled already; " + layer.weights + " is a model's artifact"
                        : "describes a layer; " + layer.weights + " is a whole model, which says such things itself");
    explain_model(layer.weights, {.compile = {layer.target, layer.cache, "", layer.tune, false},
                                  .measure = measure,
                                  .json_out = json_out,
                                  .json = json,
                                  .html = html,
                                  .threads = wanted});
  }

  void run_layer(int wanted) const {
    const Layer input = load_layer(layer);
    const Plan plan = make(input);
    const Split split = choose_split(plan, input.problem, wanted);
    const Pattern& pattern = input.weights.pattern();
    const PatternStats stats = pattern_stats(pattern);
    if (!html.empty()) write_file(html, html_page(layer.weights, pattern, plan));
    if (json_out || !json.empty()) {
      using Json = nlohmann::ordered_json;
      const Json all{{"file", layer.weights},
                     {"pattern", stats_json(stats)},
                     {"plan", Json::parse(explain_json(plan, -1))},
                     {"split", {{"threads", split.threads}, {"by", split_name(split.by)}}}};
      const std::string text = all.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
      if (!json.empty()) write_file(json, text);
      if (json_out) {
        std::fputs(text.c_str(), stdout);
        return;
      }
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
  CLI::App* sub = app.add_subcommand("explain", "Say how a model or a layer is computed, and why");
  command->layer.add_to(*sub);
  sub->get_option("W")->required(false)->description(
      "a model: .onnx, or a compiled .smk; or weights: .npy, .npz, .safetensors, .smtx or .mtx");
  sub->add_option("--json", command->json, "JSON into a file; without a name instead of the table")
      ->expected(0, 1)
      ->type_name("[F]");
  sub->add_flag("--measure", command->measure, "of an .onnx: also run it, on random inputs; an artifact always is");
  sub->add_option("--threads", command->threads,
                  "of a model's calls; of a layer: also say how so many would divide a call")
      ->type_name("T")
      ->capture_default_str();
  sub->add_option("--html", command->html, "also write a page: pictures of the patterns, the plan, a model's timeline")
      ->type_name("F");
  sub->footer(
      "Of a model (.onnx, which is compiled in memory, or a compiled .smk) each line is a step of a call: a layer with "
      "its\n"
      "density, what the best sparse and dense code is predicted to take in microseconds, the density at which they "
      "would\n"
      "be equal, and the choice; or what isn't a layer (\"reference path\": plain C++).\n"
      "Examples:\n"
      "  sparsmith explain model.onnx\n"
      "  sparsmith explain model.smk --html model.html --json model.json\n"
      "  sparsmith explain W.npz --n 128\n"
      "  sparsmith explain W.npz --n 128 --tune --html W.html");
  sub->callback([command, sub] { command->run(*sub); });
}

}  // namespace sparsmith::cli

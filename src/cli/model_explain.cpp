#include "cli/model_explain.h"

#include <cstdio>

#include "cli/model_report.h"
#include "cli/options.h"
#include "cli/report.h"

namespace sparsmith::cli {
namespace {

Model open_model(const std::string& path, const ModelCompileOptions& options) {
  if (!is_onnx(path)) return take(Model::load(path));
  const CompiledModel compiled = compile_onnx(path, options);
  return take(Model::from_bytes(std::as_bytes(std::span(compiled.artifact)), path));
}

}  // namespace

void explain_model(const std::string& path, const ModelExplainOptions& options) {
  ReportOptions report_options{.measure = options.measure || !is_onnx(path), .threads = options.threads, .cache = {}};
  report_options.cache = open_cache(options.compile.cache);
  const ModelReport report = make_report(path, open_model(path, options.compile), report_options);
  if (!options.html.empty()) write_file(options.html, report_html(report));
  if (!options.json.empty()) write_file(options.json, report_json(report));
  if (options.json_out) {
    std::fputs(report_json(report).c_str(), stdout);
    return;
  }
  print_report(report);
  if (!options.html.empty()) std::printf("page: %s\n", options.html.c_str());
}

}  // namespace sparsmith::cli

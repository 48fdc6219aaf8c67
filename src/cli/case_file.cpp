#include "cli/case_file.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "cli/options.h"
#include "cli/report.h"

namespace sparsmith::cli {
namespace {

namespace fs = std::filesystem;

// A `file:name` path exists when its file does.
bool is_there(const fs::path& path) {
  std::error_code error;
  const std::string text = path.string();
  return fs::exists(path, error) || fs::exists(text.substr(0, text.rfind(':')), error);
}

std::string resolve(const std::string& file, const fs::path& list) {
  const char* variable = std::getenv("SPARSMITH_DATA");
  const fs::path data = variable && *variable ? variable : "../shared";
  for (const fs::path& base : {list.parent_path(), data, data / "data"})
    if (is_there(base / file)) return (base / file).string();
  return file;
}

BenchCase parse_conv_case(const std::string& file, std::vector<std::string> words) {
  BenchCase result{.file = file, .conv = {}, .then = {}};
  CLI::App app;
  app.set_help_flag();
  result.conv.add_to(app)->required();
  app.add_option("--batch", result.batch);
  app.add_option("--then", result.then);
  std::ranges::reverse(words);  // as CLI11 wants them
  try {
    app.parse(std::move(words));
  } catch (const CLI::ParseError& error) {
    throw UsageError{error.what()};
  }
  return result;
}

}  // namespace

std::string BenchCase::describe() const {
  if (conv.conv.empty()) return format("n=%lld", static_cast<long long>(n));
  std::string text = "conv " + conv.conv;
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) text += std::string(" ") + name + " " + value;
  };
  add("kernel", conv.kernel);
  add("stride", conv.stride);
  add("dilation", conv.dilation);
  add("groups", conv.groups);
  if (batch != "1") text += " batch " + batch;
  return then.empty() ? text : text + " then " + then;
}

BenchProblem BenchCase::problem(const Weights& weights) const {
  BenchProblem problem{.n = n, .conv = conv.read(weights, file)};
  if (!problem.conv) return problem;
  problem.batch = parse_count(batch, "--batch", 1, kMaxDimension);
  // Planning checks the sizes; nothing may be computed from them before.
  Problem single;
  single.conv = problem.conv;
  (void)take(make_plan(weights.pattern(), single, take(Target::host())));
  const int64_t positions = problem.conv->out_height() * problem.conv->out_width();
  if (positions > kMaxDimension / problem.batch)
    fail(format("--batch %s: %lld output positions each are more than %lld in all", batch.c_str(),
                static_cast<long long>(positions), static_cast<long long>(kMaxDimension)));
  problem.n = problem.batch * positions;
  return problem;
}

std::vector<BenchCase> read_case_file(const std::string& path) {
  std::ifstream stream(path);
  if (!stream) fail(path + " can't be read");
  std::vector<BenchCase> cases;
  std::string line;
  for (int number = 1; std::getline(stream, line); ++number) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string file;
    if (!(words >> file)) continue;
    const std::vector<std::string> rest{std::istream_iterator<std::string>(words), {}};
    const std::string place = path + " line " + std::to_string(number);
    const bool product = rest.size() == 1 && !rest[0].starts_with("-");
    if (!product && (rest.empty() || !rest[0].starts_with("--")))
      fail(place + ": a case is FILE N[,N...] or FILE --conv C,H,W [--kernel ...], got '" + line + "'");
    try {
      if (product) {
        for (int64_t n : parse_counts(rest[0], place + ": N", 1, kMaxDimension))
          cases.push_back({.file = resolve(file, path), .n = n, .conv = {}, .then = {}});
      } else {
        cases.push_back(parse_conv_case(resolve(file, path), rest));
        if (!cases.back().then.empty()) cases.back().then = resolve(cases.back().then, path);
      }
    } catch (const UsageError& error) {
      fail(product ? error.message : place + ": " + error.message);
    }
  }
  if (stream.bad()) fail(path + " can't be read");
  if (cases.empty()) fail(path + " names no case", "A case is a line FILE N[,N...] or FILE --conv C,H,W ...");
  return cases;
}

}  // namespace sparsmith::cli

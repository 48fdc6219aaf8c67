#include "cli/model_options.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "cli/options.h"
#include "cli/report.h"
#include "model/model_file.h"

namespace sparsmith::cli {
namespace {

/// The layer that was just compiled, on stderr.
class Progress {
 public:
  explicit Progress(bool verbose) : verbose_(verbose), terminal_(isatty(STDERR_FILENO) != 0) {}
  ~Progress() { clear(); }
  void show(const ModelLayer& layer, size_t done, size_t all) const {
    if (!verbose_ && !terminal_) return;
    clear();
    const double zeros = 1 - static_cast<double>(layer.nnz) / static_cast<double>(layer.m * layer.k);
    const std::string line =
        format("[%zu/%zu] %s: %lld x %lld, %.1f %% zeros, %s%s", done, all, printable(layer.name).c_str(),
               static_cast<long long>(layer.m), static_cast<long long>(layer.k), 100 * zeros,
               layer.cached ? "from the cache, " : "", human_time(static_cast<double>(layer.ns)).c_str());
    if (verbose_) {
      std::fprintf(stderr, "%s\n", line.c_str());
    } else {
      // Longer than a terminal's line it could not be rewritten.
      std::fprintf(stderr, "%.78s", line.c_str());
      std::fflush(stderr);
    }
  }

 private:
  void clear() const {
    if (terminal_ && !verbose_) std::fputs("\r\033[K", stderr);
  }
  bool verbose_, terminal_;
};

std::string given_name(const CLI::Option& option) {
  return option.get_lnames().empty() ? option.get_name() : "--" + option.get_lnames().front();
}

bool has_suffix(const std::string& path, std::string_view suffix) {
  return path.size() > suffix.size() && std::equal(suffix.rbegin(), suffix.rend(), path.rbegin(), [](char a, char b) {
           return a == std::tolower(static_cast<unsigned char>(b));
         });
}

}  // namespace

bool names_artifact(const std::string& path) { return has_suffix(path, ".smk"); }
bool is_onnx(const std::string& path) { return has_suffix(path, ".onnx"); }

bool is_model_artifact(const std::string& path) {
  // Opening a pipe would wait for whoever writes to it.
  std::error_code unreadable;
  if (!std::filesystem::is_regular_file(path, unreadable)) return false;
  std::array<char, 8> bytes{};
  std::ifstream file(path, std::ios::binary);
  file.read(bytes.data(), bytes.size());
  return file.gcount() == static_cast<std::streamsize>(bytes.size()) && model::is_model({bytes.data(), bytes.size()});
}

void allow_only(const CLI::App& command, const std::vector<std::string>& allowed, const std::string& why) {
  for (const CLI::Option* option : command.get_options()) {
    if (option->count() == 0 || option->get_positional()) continue;
    const std::string name = given_name(*option);
    if (std::ranges::find(allowed, name) == allowed.end()) throw UsageError{name + " " + why};
  }
}

void refuse(const CLI::App& command, const std::vector<std::string>& options, const std::string& why) {
  for (const std::string& name : options) {
    if (command.get_option(name)->count() > 0) throw UsageError{name + " " + why};
  }
}

std::vector<std::string> parse_targets(std::string_view text) {
  std::vector<std::string> texts;
  for (const std::string_view part : split(text, ',')) {
    const bool change = part.starts_with('+') || part.starts_with('-');
    if (change && !texts.empty()) {
      texts.back().append(",").append(part);
    } else {
      texts.emplace_back(part);
    }
  }
  std::vector<Target> targets;
  for (const std::string& one : texts) {
    const Target target = take(Target::parse(one));
    if (std::ranges::find(targets, target) != targets.end()) fail("--target names " + target.to_string() + " twice");
    targets.push_back(target);
  }
  std::ranges::stable_sort(targets, [](const Target& a, const Target& b) {
    if (a.isa() != b.isa()) return a.isa() > b.isa();
    return a.features().size() > b.features().size();
  });
  std::vector<std::string> names;
  for (const Target& target : targets) names.push_back(target.to_string());
  return names;
}

CompiledModel compile_onnx(const std::string& path, const ModelCompileOptions& options) {
  ModelOptions model;
  model.targets = parse_targets(options.target);
  model.tune = options.tune;
  if (!options.threads.empty()) {
    model.threads = static_cast<int>(parse_count(options.threads, "--threads", 1, kMaxThreads));
  }
  model.cache = open_cache(options.cache);
  const Progress progress(options.verbose);
  model.progress = [&](const ModelLayer& layer, size_t done, size_t all) { progress.show(layer, done, all); };
  return take(compile_model(path, model));
}

std::string printable(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return text;
}

std::string describe(const TensorInfo& info) {
  std::string text = std::string(to_string(info.element)) + " [";
  for (size_t i = 0; i < info.shape.size(); ++i) {
    text += (i > 0 ? ", " : "") + (info.shape[i] < 0 ? "N" : std::to_string(info.shape[i]));
  }
  return text + "]";
}

std::vector<std::vector<int64_t>> smallest_shapes(const Model& model) {
  std::vector<std::vector<int64_t>> shapes;
  for (const TensorInfo& info : model.inputs()) {
    shapes.push_back(info.shape);
    for (int64_t& size : shapes.back()) size = size < 0 ? 1 : size;
  }
  return shapes;
}

}  // namespace sparsmith::cli

#include "cli/model_run.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/model_call.h"
#include "cli/model_options.h"
#include "cli/report.h"

namespace sparsmith::cli {
namespace {

/// Runs that bring code and data into the caches before any is timed; the first answer is another one.
constexpr int64_t kWarmUps = 2;

struct Times {
  int64_t load_ns = 0, first_ns = 0;
  std::vector<int64_t> runs;   ///< ascending
  std::vector<int64_t> steps;  ///< of each of Model::steps(); empty where nobody asked
  int64_t median() const { return runs[runs.size() / 2]; }
};

void check_output_file(const Model& model, const std::string& path) {
  const bool npy = path.ends_with(".npy") || path.ends_with(".NPY");
  if (!npy || model.outputs().size() == 1) return;
  std::string names;
  for (const TensorInfo& info : model.outputs()) names += (names.empty() ? "\"" : ", \"") + info.name + "\"";
  fail(path + ": an .npy holds one array, and the model gives " + std::to_string(model.outputs().size()) + ": " + names,
       "write an .npz");
}

nlohmann::ordered_json report(const Model& model, const ModelRunOptions& options, const Times& times,
                              const ModelMemory& memory) {
  using Json = nlohmann::ordered_json;
  Json layers = Json::array();
  for (size_t i = 0; i < times.steps.size(); ++i) {
    const ModelStep& step = model.steps()[i];
    layers.push_back({{"name", step.layer}, {"kind", step.kind}, {"detail", step.detail}, {"min_ns", times.steps[i]}});
  }
  return {{"model", options.model},
          {"min_ns", times.runs.front()},
          {"median_ns", times.median()},
          {"runs", times.runs.size()},
          {"load_ns", times.load_ns},
          {"first_ns", times.first_ns},
          {"threads", options.threads},
          {"peak_activation_bytes", memory.activation_bytes},
          {"unshared_activation_bytes", memory.unshared_bytes},
          {"target", model.target()},
          {"layers", layers}};
}

}  // namespace

void run_model(const ModelRunOptions& options) {
  Times times;
  const int64_t start = now_ns();
  const Model model = take(Model::load(options.model));
  times.load_ns = now_ns() - start;
  check_output_file(model, options.output);
  const auto inputs = match_inputs(model, take(load_tensors(options.input)), options.input);

  const int64_t loaded = now_ns();
  ModelCall call(model, inputs, options.threads);
  call.run();
  times.first_ns = now_ns() - loaded;
  check(save_tensors(options.output, call.outputs()));
  for (const NamedTensor& output : call.outputs()) {
    std::printf("%s: %s %s %s\n", options.output.c_str(), printable(output.name).c_str(), to_string(output.element),
                shape_text(output.shape).c_str());
  }

  const int64_t repeat = options.repeat > 0 ? options.repeat : options.json.empty() ? 0 : 1;
  if (repeat == 0) return;
  call.time(kWarmUps);
  times.runs = call.time(repeat);
  std::ranges::sort(times.runs);
  std::printf(
      "%s at best, %s in the median of %" PRId64 " runs on %d thread%s, %s; loaded in %s, first answer %s later\n",
      human_time(static_cast<double>(times.runs.front())).c_str(),
      human_time(static_cast<double>(times.median())).c_str(), repeat, options.threads, options.threads > 1 ? "s" : "",
      model.target().c_str(), human_time(static_cast<double>(times.load_ns)).c_str(),
      human_time(static_cast<double>(times.first_ns)).c_str());
  if (options.json.empty()) return;
  // Steps are timed in runs of their own: reading the clock around each would slow the others.
  times.steps = call.time_steps(std::clamp<int64_t>(repeat, 1, 50));
  const ModelMemory memory = take(model.memory(call.input_shapes()));
  using Json = nlohmann::ordered_json;
  write_file(options.json,
             report(model, options, times, memory).dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

}  // namespace sparsmith::cli

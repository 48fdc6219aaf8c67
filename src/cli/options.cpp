#include "cli/options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>

#include "cli/report.h"

namespace sparsmith::cli {
namespace {

float parse_float(std::string_view text, const std::string& option) {
  float value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || std::isnan(value))
    throw UsageError{option + " wants numbers, got '" + std::string(text) + "'"};
  return value;
}

/// Activations that need no more than two numbers, and their values where none are given.
struct NamedActivation {
  std::string_view name;
  Activation activation;
  std::vector<float> numbers;
};
const std::vector<NamedActivation>& named_activations() {
  static const std::vector<NamedActivation> all{{"leaky_relu", Activation::leaky_relu, {0.01f}},
                                                {"hard_swish", Activation::hard_swish, {}},
                                                {"hard_sigmoid", Activation::hard_sigmoid, {0.2f, 0.5f}},
                                                {"sigmoid", Activation::sigmoid, {}},
                                                {"silu", Activation::silu, {}},
                                                {"tanh", Activation::tanh, {}},
                                                {"gelu_erf", Activation::gelu_erf, {}},
                                                {"gelu_tanh", Activation::gelu_tanh, {}}};
  return all;
}

void read_activation(const std::string& text, Epilogue& epilogue) {
  const auto parts = split(text, ',');
  const auto& all = named_activations();
  const auto found = std::ranges::find(all, parts[0], &NamedActivation::name);
  if (found == all.end()) {
    std::string names;
    for (const NamedActivation& one : all) names += (names.empty() ? "" : ", ") + std::string(one.name);
    throw UsageError{"--activation '" + std::string(parts[0]) + "': known are " + names};
  }
  std::vector<float> numbers = found->numbers;
  if (parts.size() > 1 && parts.size() - 1 != numbers.size())
    throw UsageError{"--activation " + text + ": " + std::string(found->name) + " takes " +
                     std::to_string(numbers.size()) + " numbers"};
  for (size_t i = 1; i < parts.size(); ++i) numbers[i - 1] = parse_float(parts[i], "--activation");
  epilogue.activation = found->activation;
  if (!numbers.empty()) epilogue.alpha = numbers[0];
  if (numbers.size() > 1) epilogue.beta = numbers[1];
}

Epilogue parse_epilogue(const LayerOptions& options) {
  Epilogue epilogue;
  epilogue.bias = !options.bias.empty();
  if (options.relu) epilogue.activation = Activation::relu;
  if (!options.clip.empty()) {
    const auto parts = split(options.clip, ',');
    if (parts.size() != 2) throw UsageError{"--clip wants LO,HI, got '" + options.clip + "'"};
    epilogue.activation = Activation::clip;
    epilogue.lo = parse_float(parts[0], "--clip");
    epilogue.hi = parse_float(parts[1], "--clip");
    if (!(epilogue.lo <= epilogue.hi)) fail("--clip " + options.clip + ": the lower bound is above the upper one");
  }
  if (!options.activation.empty()) read_activation(options.activation, epilogue);
  return epilogue;
}

std::vector<float> load_bias(const std::string& path, int64_t m) {
  if (path.empty()) return {};
  Array array = take(load_array(path));
  // [M], [M, 1] and [1, M] all mean one number a row.
  const bool vector = !array.shape.empty() && std::ranges::max(array.shape) == array.size();
  if (!vector || array.size() != m)
    fail(format("%s has shape %s; the bias of a layer with %lld rows has shape [%lld]", path.c_str(),
                shape_text(array.shape).c_str(), static_cast<long long>(m), static_cast<long long>(m)));
  return std::move(array.data);
}

}  // namespace

int64_t parse_count(std::string_view text, const std::string& option, int64_t least, int64_t most) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool number = end == text.data() + text.size() && !text.empty();
  if (!number || error == std::errc::invalid_argument)
    throw UsageError{option + " wants whole numbers, got '" + std::string(text) + "'"};
  if (error == std::errc::result_out_of_range || value < least || value > most)
    fail(option + " " + std::string(text) + ": it must be from " + std::to_string(least) + " to " +
         std::to_string(most));
  return value;
}

int64_t parse_network_mb(std::string_view text) { return parse_count(text, "--network-mb", 0, 1 << 20) << 20; }

std::vector<int64_t> parse_counts(std::string_view text, const std::string& option, int64_t least, int64_t most) {
  std::vector<int64_t> counts;
  for (std::string_view part : split(text, ',')) counts.push_back(parse_count(part, option, least, most));
  return counts;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (size_t begin = 0;;) {
    const size_t end = text.find(separator, begin);
    parts.push_back(text.substr(begin, end - begin));
    if (end == std::string_view::npos) return parts;
    begin = end + 1;
  }
}

void LayerOptions::add_to(CLI::App& command) {
  command
      .add_option(
          "W", weights,
          "a model: .onnx; or weights: .npy, .npz, .safetensors, .smtx or .mtx; file:name takes one array of several")
      ->required();
  auto* n_option = command.add_option("--n", n, "columns to plan for (any number runs later)")->type_name("N");
  conv.add_to(command)->excludes(n_option);
  command.add_flag("--fixed-n", fixed_n, "N and row strides become constants of the code, which refuses any others")
      ->needs(n_option);
  command
      .add_option("--layout", layout,
                  "of activations: plain (row-major, NCHW) or panel (packed); images of convolutions also plane or row")
      ->check(CLI::IsMember(kLayoutNames))
      ->capture_default_str();
  command.add_option("--x-layout", x_layout, "of X, where it isn't that of --layout")
      ->check(CLI::IsMember(kLayoutNames));
  command.add_option("--y-layout", y_layout, "of Y, where it isn't that of --layout")
      ->check(CLI::IsMember(kLayoutNames));
  command.add_option("--bias", bias, "one number per row, .npy")->type_name("FILE");
  auto* relu_option = command.add_flag("--relu", relu, "max(0, v)");
  auto* clip_option =
      command.add_option("--clip", clip, "min(HI, max(LO, v))")->type_name("LO,HI")->excludes(relu_option);
  command
      .add_option(
          "--activation", activation,
          "leaky_relu[,ALPHA], hard_swish, hard_sigmoid[,ALPHA,BETA], sigmoid, silu, tanh, gelu_erf or gelu_tanh")
      ->type_name("A")
      ->excludes(relu_option)
      ->excludes(clip_option);
  command
      .add_option("--target", target,
                  "host, x86-64-v3 or x86-64-v4, then ,+feature or ,-feature; +feature alone: host,+feature")
      ->type_name("T")
      ->capture_default_str();
  command.add_flag("--tune", tune, "measure the best candidates on this machine");
  command
      .add_option("--network-mb", network_mb,
                  "code and weights of the whole network in MB, when other layers run between calls of this one")
      ->type_name("MB");
  command.add_option("--seed", seed, "of the values given to files that hold only a pattern")
      ->type_name("S")
      ->capture_default_str();
  command.add_option("--cache", cache, "directory of the code cache, or none (default: see `sparsmith cache path`)")
      ->type_name("DIR|none");
}

Layer load_layer(const LayerOptions& options) {
  // Everything that needs no file is read first: a mistyped option should not cost the reading of a large one.
  Problem problem;
  if (!options.n.empty()) problem.n = parse_count(options.n, "--n", 1, kMaxDimension);
  problem.n_fixed = options.fixed_n;
  problem.x_layout = parse_layout(options.x_layout.empty() ? options.layout : options.x_layout);
  problem.y_layout = parse_layout(options.y_layout.empty() ? options.layout : options.y_layout);
  problem.epilogue = parse_epilogue(options);
  const Target target = take(Target::parse(options.target));
  const int64_t network = parse_network_mb(options.network_mb);

  Layer layer{
      .weights = load_noted_weights(options.weights, options.seed), .problem = problem, .bias = {}, .compile = {}};
  if (auto conv = options.conv.read(layer.weights, options.weights)) {
    layer.problem.conv = conv;
    layer.problem.n = conv->out_height() * conv->out_width();
  }
  layer.bias = load_bias(options.bias, layer.weights.rows());
  layer.compile.target = target.to_string();
  layer.compile.tune = options.tune;
  layer.compile.network_code_bytes = network;
  layer.compile.cache = open_cache(options.cache);
  layer.compile.name = layer_name(options.weights);
  return layer;
}

Layout parse_layout(std::string_view name) {
  for (const Layout layout : {Layout::panel, Layout::plane, Layout::row}) {
    if (name == layout_name(layout)) return layout;
  }
  return Layout::plain;
}

const char* layout_name(Layout layout) { return kLayoutNames[static_cast<size_t>(layout)].c_str(); }

Weights load_noted_weights(const std::string& path, const std::string& seed) {
  LoadOptions load;
  load.seed = static_cast<uint64_t>(parse_count(seed, "--seed", 0, INT64_MAX));
  Weights weights = take(load_weights(path, load));
  if (const int64_t count = weights.nonfinite(); count > 0)
    print_warning(path + " holds " + std::to_string(count) + " values that are NaN or infinite; they are kept");
  return weights;
}

std::shared_ptr<Cache> open_cache(const std::string& option) {
  if (option == "none") return nullptr;
  CacheOptions options;
  options.directory = option.empty() ? default_cache_directory() : option;
  options.warn = [](std::string_view sentence) { print_warning(std::string(sentence)); };
  return std::make_shared<Cache>(std::move(options));
}

std::string layer_name(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  const std::string file = slash == std::string::npos ? path : path.substr(slash + 1);
  const size_t colon = file.find(':');
  std::string name = std::filesystem::path(file.substr(0, colon)).stem().string();
  if (colon != std::string::npos) name += "_" + file.substr(colon + 1);
  return name.empty() ? "layer" : name;
}

}  // namespace sparsmith::cli

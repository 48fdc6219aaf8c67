/// \file
/// Options that several subcommands share, and the strict reading of numbers in them: text that is no number is a
/// usage error (exit 2), a number that makes no sense is bad input (exit 1).
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/conv_options.h"
#include "sparsmith/sparsmith.h"

namespace sparsmith::cli {

/// A whole number in [least, most].
int64_t parse_count(std::string_view text, const std::string& option, int64_t least, int64_t most);
/// Counts between commas, at least one.
std::vector<int64_t> parse_counts(std::string_view text, const std::string& option, int64_t least, int64_t most);
/// Parts between commas; an empty text has one empty part.
std::vector<std::string_view> split(std::string_view text, char separator);

/// How a layer is described on the command line: compile and explain.
struct LayerOptions {
  std::string weights;
  std::string n, layout = "plain", x_layout, y_layout;
  ConvOptions conv;
  std::string bias, clip, activation;
  bool relu = false, fixed_n = false;
  std::string target = "host", seed = "1", cache, network_mb = "0";
  bool tune = false;

  void add_to(CLI::App& command);
};

/// Those options read and checked, with what they name loaded.
struct Layer {
  Weights weights;
  Problem problem;
  std::vector<float> bias;
  CompileOptions compile;
  LayerParams params() const { return {.bias = bias, .row_scale = {}, .prelu_slope = {}}; }
};
Layer load_layer(const LayerOptions& options);

/// plain, panel, plane or row; the names are kLayoutNames.
Layout parse_layout(std::string_view name);
const char* layout_name(Layout layout);
inline const std::vector<std::string> kLayoutNames{"plain", "panel", "plane", "row"};

/// `--network-mb`: a PlanOptions::network_code_bytes.
int64_t parse_network_mb(std::string_view text);

/// Weights by path, with a note on stderr when some are NaN or infinite.
Weights load_noted_weights(const std::string& path, const std::string& seed);

/// The cache that `--cache` names: empty: the default directory; "none": null.
std::shared_ptr<Cache> open_cache(const std::string& option);

/// "dir/conv1.npz:weight" to "conv1_weight": the layer's name in symbols.
std::string layer_name(const std::string& path);

inline constexpr int64_t kMaxThreads = 1024;

}  // namespace sparsmith::cli

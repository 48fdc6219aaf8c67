/// \file
/// What the subcommands share about whole models: telling them from layers, how one is compiled, and its shapes.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sparsmith/compile_model.h"
#include "sparsmith/model.h"

namespace sparsmith::cli {

/// A path that ends in .onnx names a model; weight files have other suffixes.
bool is_onnx(const std::string& path);
/// Whether the path says that it is an artifact, of a model or of a layer.
bool names_artifact(const std::string& path);
/// Whether the file is a model's artifact, by its first bytes. False of files that can't be read: whoever reads them
/// says why.
bool is_model_artifact(const std::string& path);

/// A UsageError for the first option that was given and is none of `allowed` ("--target"); `why` ends its sentence.
void allow_only(const CLI::App& command, const std::vector<std::string>& allowed, const std::string& why);
/// The same for options of which none is allowed.
void refuse(const CLI::App& command, const std::vector<std::string>& options, const std::string& why);

/// "x86-64-v4,+avx512vnni,x86-64-v3": where a part is no ,+feature or ,-feature another target begins. The best first:
/// that whose code needs most of a CPU.
std::vector<std::string> parse_targets(std::string_view text);

/// How a model is compiled, as the command line says it.
struct ModelCompileOptions {
  std::string target = "host", cache, threads;
  bool tune = false, verbose = false;
};
/// Compiles with a line of progress on stderr: one that is rewritten on a terminal, a line per layer with --verbose.
CompiledModel compile_onnx(const std::string& path, const ModelCompileOptions& options);

/// Names come from files: their control characters become '?', so that none writes to the terminal.
std::string printable(std::string text);

/// "float32 [N, 3, 224, 224]", N being any size.
std::string describe(const TensorInfo& info);
/// Shapes of the inputs at batch 1: what is left open is 1.
std::vector<std::vector<int64_t>> smallest_shapes(const Model& model);

}  // namespace sparsmith::cli

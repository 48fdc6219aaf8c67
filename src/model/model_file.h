/// \file
/// Compiled models to bytes and back: the artifact (`.smk`) of a model, laid out in docs/artifact.md.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "model/program.h"

namespace sparsmith::model {

/// Raised with every change of the form, or of what works mean.
inline constexpr uint32_t kModelFormat = 1;
/// Larger files are refused unread.
inline constexpr int64_t kMaxModelBytes = int64_t{1} << 34;

/// Whether bytes begin as a model's artifact does, rather than as a layer's.
bool is_model(std::string_view bytes);

/// A program on its way to a file: kernels as the bytes of their own artifacts.
struct ProgramBytes {
  Program program;  ///< without kernels
  std::vector<std::string> kernels;
};

/// The graph's constants that no reference or blocked work reads should have been dropped. Programs: the one for the
/// best machine first.
std::string serialize(const graph::Graph& graph, std::span<const ProgramBytes> programs);

struct ModelBytes {
  graph::Graph graph;
  Program program;  ///< the first whose code runs here
};

/// Checks everything that doesn't depend on inputs' shapes. bad_input names `origin`; unsuitable: made for other CPUs,
/// with what this one lacks.
Result<ModelBytes> deserialize(std::string_view bytes, const std::string& origin);
/// The same without the checksum, for fuzzing.
Result<ModelBytes> parse_model(std::string_view bytes, const std::string& origin);

}  // namespace sparsmith::model

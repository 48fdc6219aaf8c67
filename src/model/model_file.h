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
/// `images_apart`: lower::keeps_images_apart.
std::string serialize(const graph::Graph& graph, std::span<const ProgramBytes> programs, bool images_apart = false);

struct ModelBytes {
  graph::Graph graph;
  Program program;  ///< the first whose code runs here
  bool images_apart = false;
};

/// An artifact's bytes: in memory, or in a file of which only the program for this CPU is read.
class Source {
 public:
  virtual ~Source() = default;
  virtual uint64_t size() const = 0;
  /// Bytes [at, at + bytes), which lie below size(). Valid until the next call.
  virtual Result<std::string_view> part(uint64_t at, uint64_t bytes) = 0;
};

/// Checks everything that doesn't depend on inputs' shapes, of the program that it takes. bad_input names `origin`;
/// unsuitable: made for other CPUs, with what this one lacks.
Result<ModelBytes> deserialize(Source& source, const std::string& origin);
Result<ModelBytes> deserialize(std::string_view bytes, const std::string& origin);
/// The same without checksums, for fuzzing.
Result<ModelBytes> parse_model(std::string_view bytes, const std::string& origin);

}  // namespace sparsmith::model

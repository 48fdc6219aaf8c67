/// \file
/// What `compile` writes of a model: its artifact, or an object that holds it for linking.
#pragma once

#include <string>

#include "cli/options.h"

namespace sparsmith::cli {

/// `--emit` and `--name`.
struct EmitOptions {
  std::string form = "artifact";  ///< or "object", "object+header": the same
  std::string name;               ///< of the object's symbols; empty: from the output's

  void add_to(CLI::App& command);
};

/// Before any work: a usage error where the options don't fit the output's name.
void check_emit(const EmitOptions& options, const std::string& output);
/// The artifact; or the object and, beside it, a header. Returns all paths, for the summary.
std::string write_model(const CompiledModel& compiled, const std::string& output, const EmitOptions& options);

}  // namespace sparsmith::cli

/// \file
/// `compile` of a whole model.
#pragma once

#include <string>

#include "cli/model_emit.h"
#include "cli/model_options.h"

namespace sparsmith::cli {

/// Compiles, writes the artifact (or what `emit` asks for) and prints a summary.
void compile_model_file(const std::string& onnx, const std::string& output, const ModelCompileOptions& options,
                        const EmitOptions& emit);

}  // namespace sparsmith::cli

/// \file
/// `explain` of a whole model, as ONNX or compiled.
#pragma once

#include <string>

#include "cli/model_options.h"

namespace sparsmith::cli {

struct ModelExplainOptions {
  ModelCompileOptions compile;
  bool measure = false;    ///< of an .onnx; an artifact is always measured
  bool json_out = false;   ///< JSON on standard output rather than the table
  std::string json, html;  ///< files to write; empty: none
  int threads = 1;
};
void explain_model(const std::string& path, const ModelExplainOptions& options);

}  // namespace sparsmith::cli

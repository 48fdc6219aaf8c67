/// \file
/// .safetensors: 8 bytes of header length, a JSON object, tensor data. Only the header and the chosen tensor are read.
#pragma once

#include <string>

#include "load/source.h"
#include "sparsmith/load.h"

namespace sparsmith::load {

/// With an empty name: the only tensor for arrays; for weights the only one of 2 or more dimensions.
Result<Array> safetensors_array(const ByteSource& source, const std::string& name, const std::string& origin);
Result<Weights> safetensors_weights(const ByteSource& source, const std::string& name, const std::string& origin);

}  // namespace sparsmith::load

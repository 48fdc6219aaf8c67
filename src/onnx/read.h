/// \file
/// ONNX models to graphs. Operators are kept by name; whether they are known is for later passes to say.
#pragma once

#include <string>
#include <string_view>

#include "graph/graph.h"
#include "sparsmith/result.h"

namespace sparsmith::onnx_reader {

inline constexpr int64_t kOldestOpset = 9, kNewestOpset = 21;

/// Reads a model and the files beside it that hold its external data. bad_input: not an ONNX model, or one whose
/// tensors, names, order of nodes or external data are wrong.
Result<graph::Graph> read_onnx(const std::string& path);

/// The same of bytes in memory. `origin` is how messages name them, `folder` where external data may lie; without a
/// folder there may be none.
Result<graph::Graph> parse_onnx(std::string_view bytes, const std::string& origin, const std::string& folder = {});

}  // namespace sparsmith::onnx_reader

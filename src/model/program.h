/// \file
/// A model as it is computed on one target: buffers, and the work that fills them, over the model's graph.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "model/format.h"
#include "sparsmith/kernel.h"

namespace sparsmith::model {

/// A value in one format. A value may lie in several.
struct Buffer {
  static constexpr int32_t kNone = -1;

  graph::ValueId value = graph::kNoValue;
  Format format;
  /// A part of another buffer, of the same format, a grid or strips: that one's channels from `first` on. It is written
  /// here, by one work, and read there, once all parts are.
  int32_t whole = kNone;
  int64_t first = 0;

  bool is_part() const { return whole != kNone; }
};

struct Work {
  enum class Kind : uint8_t {
    reference,  ///< the node's operator on plain values: an input buffer for each of the node's, outputs likewise
    blocked,    ///< the node's operator on values in strips or panels (blocked.h)
    pool,       ///< a node that pools images: strips in, a grid out
    pixels,     ///< a node's operator on images pixel by pixel (pixels.h): its first input in, its output out
    mean,       ///< GlobalAveragePool: a grid in, plain out
    kernel,     ///< a generated kernel: X and, where its epilogue adds one, the residual in; Y out
    convert,    ///< the input's value in the output's format, or copied into a part
    halo,       ///< completes strips whose interior was written; input and output are the same buffer
  };
  static constexpr Kind kLastKind = Kind::halo;
  static constexpr int32_t kNone = -1;

  Kind kind = Kind::reference;
  int32_t node = 0;                      ///< of the graph: which it computes, or which it is done for
  int32_t kernel = kNone;                ///< of Program::kernels
  std::vector<int32_t> inputs, outputs;  ///< buffers, or kNone
};

struct Program {
  std::string target;  ///< Target::to_string()
  std::vector<Buffer> buffers;
  std::vector<Work> works;  ///< in an order in which they can run
  std::vector<Kernel> kernels;
};

/// bad_input unless every index is in range, every buffer is a model input, a constant or written once, by a work
/// before it is read, or all parts of it are; and formats are such as can be. What depends on shapes is checked by
/// Session.
Status check(const graph::Graph& graph, const Program& program);

}  // namespace sparsmith::model

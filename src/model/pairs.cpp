#include "model/pairs.h"

#include <algorithm>

#include "runtime/kernel_pair.h"

namespace sparsmith::model {
namespace {

const Kernel& kernel_of(const Program& program, const Work& work) {
  return program.kernels[static_cast<size_t>(work.kernel)];
}

bool is_depthwise(const Program& program, const Work& work) {
  if (work.kind != Work::Kind::kernel || work.inputs.size() != 1) return false;
  const Kernel& kernel = kernel_of(program, work);
  return kernel.plan().chosen.form == Form::depthwise && kernel.problem().x_layout == Layout::panel;
}

/// Whether both can be computed in one call, and, where sizes decide, should be.
bool should_pair(const Kernel& first, const Kernel& pointwise, FuseOptions::Way way) {
  if (pointwise.problem().conv || pointwise.problem().y_layout != Layout::panel) return false;
  FuseOptions options;
  options.way = way;
  const auto pair = KernelPair::of(first, pointwise, options);
  return pair.ok() && (way == FuseOptions::Way::fused || pair->pays_in_chain(first, pointwise));
}

}  // namespace

std::vector<int32_t> works_before(const graph::Graph& graph, const Program& program, FuseOptions::Way way) {
  std::vector<int32_t> before(program.works.size(), Work::kNone);
  if (way == FuseOptions::Way::separate) return before;
  std::vector<int> reads(program.buffers.size());
  std::vector<int32_t> writer(program.buffers.size(), Work::kNone);  // of a depthwise convolution
  for (size_t w = 0; w < program.works.size(); ++w) {
    const Work& work = program.works[w];
    for (const int32_t b : work.inputs) {
      if (b != Work::kNone) ++reads[static_cast<size_t>(b)];
    }
    if (is_depthwise(program, work)) writer[static_cast<size_t>(work.outputs[0])] = static_cast<int32_t>(w);
  }
  for (size_t w = 0; w < program.works.size(); ++w) {
    const Work& work = program.works[w];
    if (work.kind != Work::Kind::kernel) continue;
    const auto between = static_cast<size_t>(work.inputs[0]);
    const Buffer& buffer = program.buffers[between];
    if (writer[between] == Work::kNone || reads[between] != 1) continue;
    if (buffer.format.kind != Format::Kind::grid || buffer.is_part()) continue;
    if (std::find(graph.outputs.begin(), graph.outputs.end(), buffer.value) != graph.outputs.end()) continue;
    const Work& first = program.works[static_cast<size_t>(writer[between])];
    if (should_pair(kernel_of(program, first), kernel_of(program, work), way)) before[w] = writer[between];
  }
  return before;
}

}  // namespace sparsmith::model

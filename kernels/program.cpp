#include "kernels/program.h"

#include <algorithm>

#include "plan/layer_matrix.h"
#include "sparsmith/panel.h"

namespace sparsmith {

int64_t fixed_row_bytes(const Pattern& pattern, const Problem& problem) {
  constexpr int64_t kMostBytes = int64_t{1} << 30;
  if (!problem.n_fixed || problem.spatial()) return 0;
  const int64_t columns = problem.conv ? problem.conv->out_height() * problem.conv->out_width() : problem.n;
  const int64_t bytes = columns * static_cast<int64_t>(sizeof(float));
  const int64_t rows = std::max(pattern.rows(), pattern.cols());
  return columns % kPanelWidth == 0 && bytes <= kMostBytes / rows ? bytes : 0;
}

void set_addressing(const LayerMatrix& matrix, Program& program) {
  const Addressing& addressing = matrix.addressing();
  program.x_row_bytes = addressing.x_unit_bytes;
  program.x_loop_step = addressing.x_channel;
  program.y_row_bytes = addressing.y_row_bytes;
  program.y_panel_bytes = addressing.y_panel_bytes;
  program.x_pointers = addressing.x_panel > 0 ? 1 : program.panels;
}

void append_x_loads(const LayerMatrix& matrix, int64_t line, Program& program) {
  const int64_t step = matrix.addressing().x_panel;
  for (int u = 0; u < program.panels; ++u) {
    const auto index = static_cast<uint8_t>(u);
    const auto pointer = static_cast<uint8_t>(step > 0 ? 0 : u);
    program.ops.push_back({OpCode::load_x, index, 0, pointer, static_cast<int32_t>(line + u * step)});
  }
}

}  // namespace sparsmith

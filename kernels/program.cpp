#include "kernels/program.h"

#include <algorithm>

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

}  // namespace sparsmith

/// \file
/// Arithmetic on rows in panels: the lanes are 16 rows, so that whatever is summed along a row is added up line by
/// line, without a step across lanes. At the machine's own vector width.
#pragma once

#include <cstdint>

namespace sparsmith::model {

/// softmax(scale * q * k^T + mask) * v of one head, for rows that lie one behind the other. Pointers are to the head's
/// first channel in the first panel of the value; `_panel` are the floats from one panel to the next.
struct HeadRows {
  const float *q = nullptr, *k = nullptr, *v = nullptr;
  float* y = nullptr;
  int64_t q_panel = 0, k_panel = 0, v_panel = 0, y_panel = 0;
  int64_t depth = 0, width = 0;          ///< channels of the head in q and k, in v and y; width at most kMostWidth
  int64_t first_query = 0, queries = 0;  ///< rows, counted from the first panel; at least one
  int64_t first_key = 0, keys = 0;       ///< likewise
  const float* mask = nullptr;           ///< of the first query and key, or null: none
  int64_t mask_query = 0, mask_key = 0;  ///< floats to the next one's
  float scale = 1;
  bool last = false;  ///< nobody has the lanes behind the last query
};

struct RowMath {
  static constexpr int64_t kMostWidth = 256;

  void (*attend)(const HeadRows& rows);
  /// y = (x - mean) / sqrt(variance + epsilon) * scales[c] + shifts[c] in each lane of a panel; null shifts are zero.
  void (*normalise)(const float* x, int64_t channels, const float* scales, const float* shifts, float epsilon,
                    float* y);
};

/// In vectors of 16, 8 or 4 floats; null where this CPU lacks them.
const RowMath* row_math(int width);
/// In the widest there are.
const RowMath& row_math();

}  // namespace sparsmith::model

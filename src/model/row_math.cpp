#include "model/row_math.h"

#include <algorithm>
#include <cmath>

#include "math/coefficients.h"
#include "sparsmith/panel.h"

#if defined(__clang__)
#define SPARSMITH_UNROLL _Pragma("unroll")
#else
#define SPARSMITH_UNROLL _Pragma("GCC unroll 16")
#endif

namespace sparsmith::model {
namespace {

// Tiles of sums fill the registers that each has: 32 of 512 bits, 16 of 256, 16 of 128.
#if defined(__x86_64__)
namespace avx512 {
#define SPARSMITH_TARGET __attribute__((target("avx512f,avx2,fma")))
constexpr int64_t kWidth = 16, kRows = 8, kPanels = 2;
#include "model/row_math_body.h"
#undef SPARSMITH_TARGET
}  // namespace avx512

namespace avx2 {
#define SPARSMITH_TARGET __attribute__((target("avx2,fma")))
constexpr int64_t kWidth = 8, kRows = 4, kPanels = 1;
#include "model/row_math_body.h"
#undef SPARSMITH_TARGET
}  // namespace avx2
#endif

namespace portable {
#define SPARSMITH_TARGET
constexpr int64_t kWidth = 4, kRows = 2, kPanels = 1;
#include "model/row_math_body.h"
#undef SPARSMITH_TARGET
}  // namespace portable

}  // namespace

const RowMath* row_math(int width) {
#if defined(__x86_64__)
  const bool fma = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (width == 16) return fma && __builtin_cpu_supports("avx512f") ? &avx512::kRowMath : nullptr;
  if (width == 8) return fma ? &avx2::kRowMath : nullptr;
#endif
  return width == 4 ? &portable::kRowMath : nullptr;
}

const RowMath& row_math() {
  static const RowMath& best = *(row_math(16) ? row_math(16) : row_math(8) ? row_math(8) : row_math(4));
  return best;
}

}  // namespace sparsmith::model

#include "ops/vector_math.h"

#include <algorithm>
#include <cmath>

#include "math/coefficients.h"

#if defined(__clang__)
#define SPARSMITH_UNROLL _Pragma("unroll")
#else
#define SPARSMITH_UNROLL _Pragma("GCC unroll 16")
#endif

namespace sparsmith::ops {
namespace {

// Spelt out as vectors: left to themselves, compilers vectorise the sums along the depth, with shuffles.
#if defined(__x86_64__)
namespace avx512 {
#define SPARSMITH_TARGET __attribute__((target("avx512f,avx2,fma")))
constexpr int64_t kWidth = 16, kRows = 8, kVectors = 2;
#include "ops/vector_math_body.h"
#undef SPARSMITH_TARGET
}  // namespace avx512

namespace avx2 {
#define SPARSMITH_TARGET __attribute__((target("avx2,fma")))
constexpr int64_t kWidth = 8, kRows = 6, kVectors = 2;
#include "ops/vector_math_body.h"
#undef SPARSMITH_TARGET
}  // namespace avx2
#endif

namespace portable {
#define SPARSMITH_TARGET
constexpr int64_t kWidth = 4, kRows = 4, kVectors = 2;
#include "ops/vector_math_body.h"
#undef SPARSMITH_TARGET
}  // namespace portable

}  // namespace

const VectorMath* vector_math(int width) {
#if defined(__x86_64__)
  const bool fma = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (width == 16) return fma && __builtin_cpu_supports("avx512f") ? &avx512::kMath : nullptr;
  if (width == 8) return fma ? &avx2::kMath : nullptr;
#endif
  return width == 4 ? &portable::kMath : nullptr;
}

const VectorMath& vector_math() {
  static const VectorMath& best = *(vector_math(16)  ? vector_math(16)
                                    : vector_math(8) ? vector_math(8)
                                                     : vector_math(4));
  return best;
}

}  // namespace sparsmith::ops

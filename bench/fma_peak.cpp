// The FMA peak: what the useful flops of a kernel are compared with. Written by hand so that no compiler can vectorise
// it away, fuse it differently or spill: 14 independent accumulators (two ports x latency 4 need 8), no memory operand.
#include <algorithm>
#include <chrono>
#include <cstdint>

#include "bench/measure.h"

namespace sparsmith::bench {

namespace {

constexpr int kAccumulators = 14;

#define SPARSMITH_FOR_14(op) op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10) op(11) op(12) op(13)
// a = a * 0.5 + 0.25 stays near 0.5: no infinities, no subnormals.
#define SPARSMITH_ZMM_FMA(i) "vfmadd213ps %%zmm15, %%zmm14, %%zmm" #i "\n\t"
#define SPARSMITH_ZMM_SET(i) "vmovaps %%zmm14, %%zmm" #i "\n\t"
#define SPARSMITH_YMM_FMA(i) "vfmadd213ps %%ymm15, %%ymm14, %%ymm" #i "\n\t"
#define SPARSMITH_YMM_SET(i) "vmovaps %%ymm14, %%ymm" #i "\n\t"
#define SPARSMITH_CLOBBERS                                                                                         \
  "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", \
      "xmm13", "xmm14", "xmm15"

void fma_loop_zmm(int64_t iterations) {
  const float half = 0.5f, quarter = 0.25f;
  asm volatile(
      "vbroadcastss %[half], %%zmm14\n\t"
      "vbroadcastss %[quarter], %%zmm15\n\t" SPARSMITH_FOR_14(SPARSMITH_ZMM_SET)
      ".p2align 6\n\t"
      "1:\n\t" SPARSMITH_FOR_14(SPARSMITH_ZMM_FMA) SPARSMITH_FOR_14(SPARSMITH_ZMM_FMA)
      "sub $1, %[iterations]\n\t"
      "jnz 1b\n\t"
      "vzeroupper"
      : [iterations] "+r"(iterations)
      : [half] "m"(half), [quarter] "m"(quarter)
      : SPARSMITH_CLOBBERS);
}

void fma_loop_ymm(int64_t iterations) {
  const float half = 0.5f, quarter = 0.25f;
  asm volatile(
      "vbroadcastss %[half], %%ymm14\n\t"
      "vbroadcastss %[quarter], %%ymm15\n\t" SPARSMITH_FOR_14(SPARSMITH_YMM_SET)
      ".p2align 6\n\t"
      "1:\n\t" SPARSMITH_FOR_14(SPARSMITH_YMM_FMA) SPARSMITH_FOR_14(SPARSMITH_YMM_FMA)
      "sub $1, %[iterations]\n\t"
      "jnz 1b\n\t"
      "vzeroupper"
      : [iterations] "+r"(iterations)
      : [half] "m"(half), [quarter] "m"(quarter)
      : SPARSMITH_CLOBBERS);
}

// The sparse kernel's own instruction: each multiply-add takes its weight from memory. All data lies in L1.
#define SPARSMITH_ZMM_BROADCAST_FMA(i) "vfmadd231ps 4*" #i "(%[values])%{1to16%}, %%zmm14, %%zmm" #i "\n\t"
// The same with a load of X before four of the fourteen: 0.29 for each multiply-add, as at 90 % zeros.
#define SPARSMITH_X(i) "vmovups 64*" #i "(%[x]), %%zmm14\n\t"
#define SPARSMITH_B(i) SPARSMITH_ZMM_BROADCAST_FMA(i)
#define SPARSMITH_WITH_X                                                                                         \
  SPARSMITH_X(0)                                                                                                 \
  SPARSMITH_B(0)                                                                                                 \
  SPARSMITH_B(1) SPARSMITH_B(2) SPARSMITH_B(3) SPARSMITH_X(1) SPARSMITH_B(4) SPARSMITH_B(5) SPARSMITH_B(6)       \
      SPARSMITH_X(2) SPARSMITH_B(7) SPARSMITH_B(8) SPARSMITH_B(9) SPARSMITH_B(10) SPARSMITH_X(3) SPARSMITH_B(11) \
          SPARSMITH_B(12) SPARSMITH_B(13)

alignas(64) const float kZeros[64] = {};

#define SPARSMITH_BROADCAST_LOOP(name, body)                                          \
  void name(int64_t iterations) {                                                     \
    asm volatile("vpxord %%zmm14, %%zmm14, %%zmm14\n\t"                             \
                 SPARSMITH_FOR_14(SPARSMITH_ZMM_SET)                                \
                 ".p2align 6\n\t"                                                   \
                 "1:\n\t" body body                                                 \
                 "sub $1, %[iterations]\n\t"                                        \
                 "jnz 1b\n\t"                                                       \
                 "vzeroupper"                                                       \
                 : [iterations] "+r"(iterations)                                    \
                 : [values] "r"(kZeros), [x] "r"(kZeros)                            \
                 : SPARSMITH_CLOBBERS); \
  }
SPARSMITH_BROADCAST_LOOP(broadcast_loop, SPARSMITH_FOR_14(SPARSMITH_ZMM_BROADCAST_FMA))
SPARSMITH_BROADCAST_LOOP(broadcast_and_x_loop, SPARSMITH_WITH_X)

// 2 * 14 FMAs an iteration.
double best_gflops(void (*loop)(int64_t), int lanes, int windows) {
  const double flops_per_iteration = 2.0 * kAccumulators * lanes * 2;
  // About 0.2 ms: long against the clock, short against a time slice.
  constexpr int64_t kIterations = 30000;
  using Clock = std::chrono::steady_clock;
  loop(kIterations);  // wake the wide units and let the clock settle
  loop(kIterations);
  double best = 0;
  for (int i = 0; i < windows; ++i) {
    const auto start = Clock::now();
    loop(kIterations);
    const std::chrono::duration<double, std::nano> time = Clock::now() - start;
    best = std::max(best, flops_per_iteration * static_cast<double>(kIterations) / time.count());
  }
  return best;
}

}  // namespace

BroadcastPeak broadcast_fma_gflops(int windows) {
  if (!__builtin_cpu_supports("avx512f")) return {};
  return {best_gflops(broadcast_loop, 16, windows), best_gflops(broadcast_and_x_loop, 16, windows)};
}

double fma_peak_gflops(int windows, int lanes) {
  const bool wide = lanes >= 16 && __builtin_cpu_supports("avx512f");
  if (!wide && !(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))) return 0;
  return best_gflops(wide ? fma_loop_zmm : fma_loop_ymm, wide ? 16 : 8, windows);
}

}  // namespace sparsmith::bench

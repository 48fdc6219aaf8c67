// What one thread moves, by the size of what it sweeps; the second line of the roofline.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "bench/measure.h"

namespace sparsmith::bench {

namespace {

constexpr int64_t kStep = 512;  // bytes a loop iteration moves

#define SPARSMITH_FOR_LINES(op) op(0) op(64) op(128) op(192) op(256) op(320) op(384) op(448)
#define SPARSMITH_ZMM_READ(at) "vmovaps " #at "(%[p]), %%zmm0\n\t"
#define SPARSMITH_ZMM_WRITE(at) "vmovaps %%zmm0, " #at "(%[p])\n\t"
#define SPARSMITH_YMM_READ(at) "vmovaps " #at "(%[p]), %%ymm0\n\tvmovaps 32+" #at "(%[p]), %%ymm1\n\t"
#define SPARSMITH_YMM_WRITE(at) "vmovaps %%ymm0, " #at "(%[p])\n\tvmovaps %%ymm0, 32+" #at "(%[p])\n\t"
#define SPARSMITH_SWEEP(name, zero, op)                                                 \
  void name(char* p, const char* end) {                                                \
    asm volatile(zero                                                                  \
                 ".p2align 6\n\t"                                                       \
                 "1:\n\t" SPARSMITH_FOR_LINES(op) "add $512, %[p]\n\t"                    \
                 "cmp %[end], %[p]\n\t"                                                \
                 "jb 1b\n\t"                                                           \
                 "vzeroupper"                                                          \
                 : [p] "+r"(p)                                                          \
                 : [end] "r"(end)                                                       \
                 : "cc", "memory", "xmm0", "xmm1");                                      \
  }
SPARSMITH_SWEEP(read_zmm, "", SPARSMITH_ZMM_READ)
SPARSMITH_SWEEP(write_zmm, "vpxor %%xmm0, %%xmm0, %%xmm0\n\t", SPARSMITH_ZMM_WRITE)
SPARSMITH_SWEEP(read_ymm, "", SPARSMITH_YMM_READ)
SPARSMITH_SWEEP(write_ymm, "vpxor %%xmm0, %%xmm0, %%xmm0\n\t", SPARSMITH_YMM_WRITE)

struct Free {
  void operator()(char* p) const { std::free(p); }
};

double bandwidth(int64_t bytes, void (*sweep)(char*, const char*)) {
  const int64_t size = std::max<int64_t>((bytes + kStep - 1) / kStep * kStep, kStep);
  const std::unique_ptr<char, Free> buffer(static_cast<char*>(std::aligned_alloc(64, static_cast<size_t>(size))));
  if (!buffer) return 0;
  std::memset(buffer.get(), 0, static_cast<size_t>(size));
  const char* const end = buffer.get() + size;
  // A sample moves at least 1 MiB, so that the clock's resolution doesn't count; the best of about 4 ms.
  const int64_t sweeps = std::max<int64_t>(1, (int64_t{1} << 20) / size);
  using Clock = std::chrono::steady_clock;
  sweep(buffer.get(), end);
  double best = 0;
  int samples = 0;
  for (const auto begin = Clock::now(); samples < 3 || Clock::now() - begin < std::chrono::milliseconds(4); ++samples) {
    const auto start = Clock::now();
    for (int64_t i = 0; i < sweeps; ++i) sweep(buffer.get(), end);
    const std::chrono::duration<double, std::nano> time = Clock::now() - start;
    best = std::max(best, static_cast<double>(size * sweeps) / time.count());
  }
  return best;
}

bool has_avx() { return __builtin_cpu_supports("avx2"); }
bool has_avx512() { return __builtin_cpu_supports("avx512f"); }

}  // namespace

double read_bandwidth(int64_t bytes) {
  if (!has_avx()) return 0;
  return bandwidth(bytes, has_avx512() ? read_zmm : read_ymm);
}

double write_bandwidth(int64_t bytes) {
  if (!has_avx()) return 0;
  return bandwidth(bytes, has_avx512() ? write_zmm : write_ymm);
}

Roofline roofline(int64_t m, int64_t k, int64_t nnz, int64_t n, double peak_gflops) {
  const int64_t read = 4 * (k * n + nnz), written = 4 * m * n;
  const double reading = read_bandwidth(read + written), writing = write_bandwidth(read + written);
  Roofline line;
  if (peak_gflops > 0) line.fma_ns = 2.0 * static_cast<double>(nnz) * static_cast<double>(n) / peak_gflops;
  if (reading > 0) line.traffic_ns += static_cast<double>(read) / reading;
  if (writing > 0) line.traffic_ns += static_cast<double>(written) / writing;
  return line;
}

}  // namespace sparsmith::bench

// What one thread moves, by the size of what it sweeps; the second line of the roofline.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <limits>
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
#define SPARSMITH_SWEEP(name, zero, op)                                                  \
  void name(char* p, const char* end) {                                                  \
    asm volatile(zero                                                                  \
                 ".p2align 6\n\t"                                                       \
                 "1:\n\t" SPARSMITH_FOR_LINES(op) "add $512, %[p]\n\t"                    \
                 "cmp %[end], %[p]\n\t"                                                \
                 "jb 1b\n\t"                                                           \
                 "vzeroupper"                                                          \
                 : [p] "+r"(p)                                                          \
                 : [end] "r"(end)                                                       \
                 : "cc", "memory", "xmm0", "xmm1"); \
  }
SPARSMITH_SWEEP(read_zmm, "", SPARSMITH_ZMM_READ)
SPARSMITH_SWEEP(write_zmm, "vpxor %%xmm0, %%xmm0, %%xmm0\n\t", SPARSMITH_ZMM_WRITE)
SPARSMITH_SWEEP(read_ymm, "", SPARSMITH_YMM_READ)
SPARSMITH_SWEEP(write_ymm, "vpxor %%xmm0, %%xmm0, %%xmm0\n\t", SPARSMITH_YMM_WRITE)

struct Free {
  void operator()(char* p) const { std::free(p); }
};

using Buffer = std::unique_ptr<char, Free>;
using Sweep = void (*)(char*, const char*);

int64_t whole_steps(int64_t bytes) { return std::max<int64_t>((bytes + kStep - 1) / kStep, 1) * kStep; }

/// Written once, so that every page is a page of its own and not the zero page.
Buffer make_buffer(int64_t size) {
  Buffer buffer(static_cast<char*>(std::aligned_alloc(64, static_cast<size_t>(size))));
  if (buffer) std::memset(buffer.get(), 1, static_cast<size_t>(size));
  return buffer;
}

/// The least nanoseconds of a call of `body`, which moves `bytes`. A sample moves at least 1 MiB, so that the clock's
/// resolution doesn't count; as many samples as fit in about 4 ms.
template <class Body>
double least_ns(int64_t bytes, const Body& body) {
  using Clock = std::chrono::steady_clock;
  const int64_t calls = std::max<int64_t>(1, (int64_t{1} << 20) / bytes);
  body();
  double best = std::numeric_limits<double>::infinity();
  int samples = 0;
  for (const auto begin = Clock::now(); samples < 3 || Clock::now() - begin < std::chrono::milliseconds(4); ++samples) {
    const auto start = Clock::now();
    for (int64_t i = 0; i < calls; ++i) body();
    const std::chrono::duration<double, std::nano> time = Clock::now() - start;
    best = std::min(best, time.count() / static_cast<double>(calls));
  }
  return best;
}

double bandwidth(int64_t bytes, Sweep sweep) {
  const int64_t size = whole_steps(bytes);
  const Buffer buffer = make_buffer(size);
  if (!buffer) return 0;
  return static_cast<double>(size) / least_ns(size, [&] { sweep(buffer.get(), buffer.get() + size); });
}

/// The least time to read one buffer and write another in step, as a kernel would whose arithmetic costs nothing:
/// however far reads and writes overlap here, they do so in this.
double stream_ns(int64_t read_bytes, int64_t written_bytes, Sweep reading, Sweep writing) {
  const int64_t read_size = whole_steps(read_bytes), written_size = whole_steps(written_bytes);
  const Buffer source = make_buffer(read_size), target = make_buffer(written_size);
  if (!source || !target) return 0;
  // Turns of a page of the larger: long against a call, short against any cache.
  const int64_t turns = (std::max(read_size, written_size) + 4095) / 4096;
  const auto border = [&](int64_t size, int64_t turn) { return size / kStep * turn / turns * kStep; };
  const auto part = [&](Sweep sweep, char* data, int64_t size, int64_t turn) {
    const int64_t begin = border(size, turn), end = border(size, turn + 1);
    if (begin < end) sweep(data + begin, data + end);
  };
  return least_ns(read_size + written_size, [&] {
    for (int64_t turn = 0; turn < turns; ++turn) {
      part(reading, source.get(), read_size, turn);
      part(writing, target.get(), written_size, turn);
    }
  });
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

Roofline roofline(int64_t flops, int64_t floats_read, int64_t floats_written, double peak_gflops) {
  Roofline line;
  if (peak_gflops > 0) line.fma_ns = static_cast<double>(flops) / peak_gflops;
  if (!has_avx()) return line;
  line.traffic_ns = stream_ns(4 * floats_read, 4 * floats_written, has_avx512() ? read_zmm : read_ymm,
                              has_avx512() ? write_zmm : write_ymm);
  return line;
}

}  // namespace sparsmith::bench

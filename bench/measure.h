/// \file
/// Timing that repeats on a shared machine: one pinned thread, warm-up, contenders interleaved, many short samples.
/// Library target `sparsmith_measure`; std only.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace sparsmith::bench {

/// One of the things compared in a run. `run` does the work once; `inner` calls of it make a sample.
struct Contender {
  std::string name;
  std::function<void()> run;
};

struct Timing {
  std::string name;
  double ns_min = 0;     ///< per call
  double ns_median = 0;  ///< per call
  int64_t samples = 0;
  int64_t inner = 0;  ///< calls in a sample
};

struct MeasureOptions {
  double budget_ms = 60;    ///< timed work for each contender, warm-up excluded
  double sample_us = 50;    ///< at least this long is a sample
  double warm_up_ms = 5;    ///< for each contender, at least one call
  int64_t min_samples = 5;  ///< even when the budget is spent
  int64_t max_samples = 2000;
  std::function<void()> progress;  ///< called between rounds, outside timing; may be empty
};

/// Times the contenders against each other: round after round, each gives one sample in turn. Results in their order.
std::vector<Timing> measure(const std::vector<Contender>& contenders, const MeasureOptions& options = {});

/// Pins the calling thread to the CPU it runs on (or to `cpu`) while it lives; restores the old mask. Threads started
/// meanwhile inherit the pin, so don't pin when measuring several threads.
class PinnedThread {
 public:
  explicit PinnedThread(int cpu = -1);
  ~PinnedThread();
  PinnedThread(const PinnedThread&) = delete;
  PinnedThread& operator=(const PinnedThread&) = delete;
  int cpu() const { return cpu_; }  ///< -1 when pinning isn't allowed here

 private:
  int cpu_ = -1;
  std::vector<unsigned char> old_mask_;
};

/// Fused multiply-adds a core can do, now: the best of `windows` short runs of register-only FMAs, AVX-512 where the
/// CPU has it and `lanes` are 16, else AVX2. 2 flops each. 0 on a CPU with neither. Takes about windows * 0.2 ms.
double fma_peak_gflops(int windows = 25, int lanes = 16);

/// What the sparse kernel's instruction can reach on this core with all data in L1: FMAs whose one operand is broadcast
/// from memory, alone and with 0.29 vector loads each. 0 without AVX-512.
struct BroadcastPeak {
  double alone_gflops = 0, with_loads_gflops = 0;
};
BroadcastPeak broadcast_fma_gflops(int windows = 25);

/// Bytes a nanosecond (= GB/s) that one thread reads from a buffer of this size, swept again and again; the best of
/// some sweeps. With sizes of L1, L2, L3 and memory it gives the roofline's slopes.
double read_bandwidth(int64_t bytes);
/// The same for writing (ordinary stores; a write-allocate counts once).
double write_bandwidth(int64_t bytes);

/// What no kernel can beat here: the useful flops at the FMA peak, or its compulsory traffic (x and weights read once,
/// y written once), measured now by a loop that reads and writes buffers of those sizes and does nothing else.
struct Roofline {
  double fma_ns = 0;      ///< useful flops at the FMA peak
  double traffic_ns = 0;  ///< of the streaming loop; 0 on a CPU without AVX2
  double bound_ns() const { return fma_ns > traffic_ns ? fma_ns : traffic_ns; }
};
/// Takes about 5 ms.
Roofline roofline(int64_t flops, int64_t floats_read, int64_t floats_written, double peak_gflops);

/// "Intel(R) Xeon(R) ..." as /proc/cpuinfo says, or "unknown CPU".
std::string cpu_name();

}  // namespace sparsmith::bench

// sparsmith_machine: what this machine's core can do, as JSON; bench/summarize.py makes the roofline of it.
#include <cstdio>
#include <vector>

#include "bench/measure.h"

int main() {
  using namespace sparsmith::bench;
  const PinnedThread pin;
  std::string cpu;
  for (const char c : cpu_name()) {
    if (c != '"' && c != '\\' && c >= ' ') cpu += c;
  }
  // A few tenths of a second each: long enough to meet a moment in which the host leaves the core alone.
  constexpr int kWindows = 1000;
  const double peak = fma_peak_gflops(kWindows);
  const BroadcastPeak broadcast = broadcast_fma_gflops(kWindows);
  std::printf("{\n  \"cpu\": \"%s\",\n  \"fma_peak_gflops\": %.2f,\n", cpu.c_str(), peak);
  std::printf("  \"broadcast_fma_gflops\": %.2f,\n  \"broadcast_fma_with_x_gflops\": %.2f,\n  \"bandwidth\": [",
              broadcast.alone_gflops, broadcast.with_loads_gflops);
  const char* separator = "\n";
  for (int64_t kib = 16; kib <= 128 * 1024; kib *= 2) {
    const int64_t bytes = kib * 1024;
    std::printf("%s    {\"bytes\": %lld, \"read_gb_s\": %.2f, \"write_gb_s\": %.2f}", separator,
                static_cast<long long>(bytes), read_bandwidth(bytes), write_bandwidth(bytes));
    separator = ",\n";
  }
  std::printf("\n  ]\n}\n");
  return 0;
}

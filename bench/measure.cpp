#include "bench/measure.h"

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <fstream>

namespace sparsmith::bench {

namespace {

using Clock = std::chrono::steady_clock;

double ns_since(Clock::time_point start) {
  return static_cast<double>(std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start).count());
}

double timed_calls(const std::function<void()>& run, int64_t calls) {
  const auto start = Clock::now();
  for (int64_t i = 0; i < calls; ++i) run();
  return ns_since(start);
}

struct State {
  int64_t inner = 1;
  double spent_ns = 0;
  std::vector<double> samples;  ///< ns per call
};

/// Runs until the warm-up time is over, then finds how many calls make a sample.
void warm_up(const Contender& contender, const MeasureOptions& options, State& state) {
  const auto start = Clock::now();
  double best = timed_calls(contender.run, 1);  // the first call may build per-thread buffers
  do {
    best = std::min(best, timed_calls(contender.run, 1));
  } while (ns_since(start) < options.warm_up_ms * 1e6);
  state.inner = std::clamp<int64_t>(std::llround(std::ceil(options.sample_us * 1e3 / std::max(best, 1.0))), 1, 1 << 20);
}

}  // namespace

// The estimators. Noise here only ever adds time: interrupts, another guest on the host core, a lower clock. So the
// minimum over many samples is the one number that repeats (to about 3 %), as long as a sample is long enough that the
// clock's own resolution can't win by luck: samples are tens of microseconds. It answers "what can this code do". The
// median answers "what did it do here" and shows how noisy the machine was. Never the mean: one preemption of a
// millisecond outweighs every sample.
//
// Contenders are interleaved sample by sample, so a slow phase of the machine hits all of them alike and ratios hold.
// The price is that each finds the caches full of its predecessor's data; one untimed call before a sample pays it.
std::vector<Timing> measure(const std::vector<Contender>& contenders, const MeasureOptions& options) {
  std::vector<State> states(contenders.size());
  for (size_t i = 0; i < contenders.size(); ++i) warm_up(contenders[i], options, states[i]);

  const double budget_ns = options.budget_ms * 1e6;
  for (bool more = true; more;) {
    more = false;
    for (size_t i = 0; i < contenders.size(); ++i) {
      State& state = states[i];
      const auto done = static_cast<int64_t>(state.samples.size());
      const bool enough = state.spent_ns >= budget_ns && done >= options.min_samples;
      if (enough || done >= options.max_samples) continue;
      state.spent_ns += timed_calls(contenders[i].run, 1);
      const double sample = timed_calls(contenders[i].run, state.inner);
      state.spent_ns += sample;
      state.samples.push_back(sample / static_cast<double>(state.inner));
      more = true;
    }
    if (options.progress) options.progress();
  }

  std::vector<Timing> timings;
  for (size_t i = 0; i < contenders.size(); ++i) {
    auto& samples = states[i].samples;
    Timing timing{contenders[i].name, 0, 0, static_cast<int64_t>(samples.size()), states[i].inner};
    if (!samples.empty()) {
      const auto middle = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2);
      std::nth_element(samples.begin(), middle, samples.end());
      timing.ns_median = *middle;
      timing.ns_min = *std::min_element(samples.begin(), samples.end());
    }
    timings.push_back(std::move(timing));
  }
  return timings;
}

PinnedThread::PinnedThread(int cpu) {
  cpu_set_t old;
  if (sched_getaffinity(0, sizeof old, &old) != 0) return;
  const int target = cpu >= 0 ? cpu : sched_getcpu();
  if (target < 0 || target >= CPU_SETSIZE) return;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(target, &one);
  if (sched_setaffinity(0, sizeof one, &one) != 0) return;
  old_mask_.resize(sizeof old);
  std::memcpy(old_mask_.data(), &old, sizeof old);
  cpu_ = target;
}

PinnedThread::~PinnedThread() {
  if (cpu_ < 0) return;
  cpu_set_t old;
  std::memcpy(&old, old_mask_.data(), sizeof old);
  sched_setaffinity(0, sizeof old, &old);
}

std::string cpu_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.rfind("model name", 0) != 0) continue;
    const size_t colon = line.find(": ");
    if (colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown CPU";
}

}  // namespace sparsmith::bench

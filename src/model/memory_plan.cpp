#include "model/memory_plan.h"

#include <algorithm>
#include <numeric>

namespace sparsmith::model {

MemoryPlan plan_memory(std::span<const Lifetime> lifetimes) {
  constexpr int64_t kLine = 64;
  MemoryPlan plan;
  plan.offsets.resize(lifetimes.size());
  std::vector<size_t> order(lifetimes.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return lifetimes[a].bytes > lifetimes[b].bytes; });
  std::vector<size_t> placed;  // by offset
  for (const size_t i : order) {
    const Lifetime& own = lifetimes[i];
    const int64_t bytes = (own.bytes + kLine - 1) / kLine * kLine;
    int64_t offset = 0;
    for (const size_t other : placed) {
      const Lifetime& lifetime = lifetimes[other];
      if (lifetime.last < own.first || own.last < lifetime.first) continue;
      if (plan.offsets[other] >= offset + bytes) break;
      offset = std::max(offset, plan.offsets[other] + (lifetime.bytes + kLine - 1) / kLine * kLine);
    }
    plan.offsets[i] = offset;
    plan.bytes = std::max(plan.bytes, offset + bytes);
    plan.unshared_bytes += bytes;
    const auto at = std::upper_bound(placed.begin(), placed.end(), offset,
                                     [&](int64_t o, size_t p) { return o < plan.offsets[p]; });
    placed.insert(at, i);
  }
  return plan;
}

}  // namespace sparsmith::model

#include <algorithm>
#include <cinttypes>
#include <cstdio>

#include "sparsmith/plan.h"

namespace sparsmith {
namespace {

template <class... Args>
std::string format(const char* pattern, Args... args) {
  const int size = std::snprintf(nullptr, 0, pattern, args...);
  std::string text(size > 0 ? static_cast<size_t>(size) : 0, '\0');
  std::snprintf(text.data(), text.size() + 1, pattern, args...);
  return text;
}

std::string microseconds(double ns) { return ns > 0 ? format("%.1f", ns / 1e3) : std::string("-"); }

std::string zeros(const Plan& plan) {
  const double all = static_cast<double>(plan.m) * static_cast<double>(plan.k);
  return all > 0 ? format("%.1f %% zeros", 100 * (1 - static_cast<double>(plan.nnz) / all)) : std::string("empty");
}

bool is_chosen(const Plan& plan, size_t index) {
  // Tuning may measure one schedule twice; only its best entry carries the mark.
  for (size_t i = 0; i < index; ++i)
    if (plan.candidates[i].schedule == plan.chosen) return false;
  return plan.candidates[index].schedule == plan.chosen;
}

}  // namespace

std::string explain(const Plan& plan) {
  std::string text = format("W %" PRId64 " x %" PRId64 ", %" PRId64 " nonzeros (%s), n %" PRId64 ", target %s\n",
                            plan.m, plan.k, plan.nnz, zeros(plan).c_str(), plan.n, plan.target.c_str());
  size_t width = std::string("candidate").size();
  for (const Candidate& candidate : plan.candidates) width = std::max(width, candidate.schedule.describe().size());
  const int w = static_cast<int>(width);
  text += format("   %-*s %13s %12s %10s\n", w, "candidate", "predicted us", "measured us", "code bytes");
  for (size_t i = 0; i < plan.candidates.size(); ++i) {
    const Candidate& candidate = plan.candidates[i];
    std::string line =
        format("%s %-*s %13s %12s %10" PRId64 "  %s", is_chosen(plan, i) ? "->" : "  ", w,
               candidate.schedule.describe().c_str(), microseconds(candidate.predicted_ns).c_str(),
               microseconds(candidate.measured_ns).c_str(), candidate.code_bytes, candidate.note.c_str());
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  text += format("chosen%s: %s\n", plan.tuned ? " by measurement" : "", plan.chosen.describe().c_str());
  for (const FewColumns& few : plan.few) {
    text += format("calls of n <= %" PRId64 ": %s\n", few.most_columns, few.schedule.describe().c_str());
  }
  if (plan.tail_columns > 0) {
    text += format("the last n %% 16 columns, if at most %" PRId64 ": as calls of so many\n", plan.tail_columns);
  }
  if (!plan.reason.empty()) text += "why: " + plan.reason + "\n";
  return text;
}

}  // namespace sparsmith

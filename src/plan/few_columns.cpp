#include "plan/few_columns.h"

#include <algorithm>

#include "plan/candidates.h"
#include "plan/slices.h"

namespace sparsmith {
namespace {

/// Code for few columns has to be this much faster than the chosen one, which is there anyway.
constexpr double kWorthwhile = 1.1;
/// And this much for a tail, whose code and values come after those of the whole panels.
constexpr double kWorthwhileTail = 1.2;
/// Nonzeros whose slots are packed and emitted in some 15 ms: what a layer that is compiled for many columns pays for
/// calls that may never come. Where N isn't known they are as likely as others.
constexpr int64_t kMostUnasked = 1 << 17, kMostUnknown = 1 << 20;

/// Fewest columns that a call can have.
int64_t fewest_columns(const Problem& problem) {
  const bool plain = problem.x_layout == Layout::plain || problem.y_layout == Layout::plain;
  return problem.conv && plain ? problem.conv->out_height() * problem.conv->out_width() : 1;
}

/// Columns that calls of this problem leave over whole panels; 0: any number of them.
int64_t known_tail(const Problem& problem) { return problem.n_fixed ? problem.n % kPanelWidth : 0; }

/// Whether other code than the chosen may have calls to serve.
bool may_serve(const Plan& plan, const Problem& problem, const Pattern& pattern) {
  constexpr int64_t kFew = 4;
  const bool few_planned = plan.n <= kFew && problem.n > 0;
  if (few_planned || problem.spatial() || plan.chosen.form == Form::vector) return false;
  if (problem.n_fixed && (problem.n < kPanelWidth || known_tail(problem) == 0)) return false;
  const bool asked = problem.n > 0 && problem.n % kPanelWidth > 0 && problem.n % kPanelWidth <= kMostNarrowColumns;
  return pattern.nnz() <= (problem.n > 0 && !asked ? kMostUnasked : kMostUnknown);
}

}  // namespace

int64_t CandidateMaker::images(int64_t n) const {
  return std::max<int64_t>(1, n / (problem_.conv->out_height() * problem_.conv->out_width()));
}

const ImageWork& CandidateMaker::image(ImageLayout layout) {
  ImageWork& work = image_work_[static_cast<size_t>(layout)];
  if (work.panels == 0) work = image_work(layout, *problem_.conv, pattern_.rows());
  return work;
}

Work CandidateMaker::work(const Schedule& schedule, int64_t n, int64_t panels) {
  const int64_t rows = pattern_.rows();
  Work work{rows, matrix_.pattern().cols(), pattern_.nnz(), n, panels};
  work.network_bytes = network_bytes_;
  if (schedule.form == Form::vector) {
    work.tiles = (rows + schedule.tile_rows - 1) / schedule.tile_rows;
    auto [slots, is_new] = slots_.try_emplace({schedule.lanes, schedule.window_step});
    if (is_new && schedule.window_step == 1) {
      slots->second = (rows + schedule.lanes - 1) / schedule.lanes * pattern_.cols();
    } else if (is_new)
      slots->second = estimate_slots(pattern_, schedule.window_step, schedule.lanes);
    work.slots = slots->second;
  } else {
    const bool cluster = schedule.form == Form::sparse && schedule.cluster_rows;
    auto [tiling, is_new] = tilings_.try_emplace({schedule.tile_rows, cluster});
    if (is_new) tiling->second = make_tiling(matrix_.pattern(), schedule.tile_rows, cluster);
    work.tiles = static_cast<int64_t>(tiling->second.tiles.size());
    work.x_loads = tiling->second.x_loads;
  }
  if (problem_.spatial()) {
    const ImageWork& one = image(schedule.images);
    const auto count = static_cast<double>(images(n));
    work.x_share = one.x_share;
    work.crossing = one.crossing;
    work.x_packing = count * static_cast<double>(problem_.conv->channels(pattern_.cols())) * one.x_packing;
    work.y_packing = count * static_cast<double>(rows) * one.y_packing;
  }
  return work;
}

Candidate CandidateMaker::make(const Schedule& schedule, int64_t n, int64_t panels) {
  const Work needed = work(schedule, n, panels);
  Candidate candidate;
  candidate.schedule = schedule;
  candidate.predicted_ns = predict_ns(schedule, problem_, needed, machine_);
  candidate.code_bytes = estimate_code_bytes(schedule, needed, target_.isa());
  return candidate;
}

void set_few_columns(Plan& plan, const Problem& problem, const FewTimes& times, const std::optional<Schedule>& vector,
                     const std::optional<Schedule>& narrow) {
  const auto vector_ns = [&](int64_t n) { return times.vector_one + static_cast<double>(n - 1) * times.vector_more; };
  const double other = narrow ? std::min(times.narrow, times.panel / kWorthwhile) : times.panel / kWorthwhile;
  int64_t by_vector = 0;
  while (vector && by_vector < kMostVectorColumns && vector_ns(by_vector + 1) < other) ++by_vector;
  plan.few.clear();
  if (by_vector > 0) plan.few.push_back({by_vector, *vector});
  if (narrow && by_vector < kMostNarrowColumns && times.narrow * kWorthwhile < times.panel) {
    plan.few.push_back({kMostNarrowColumns, *narrow});
  }
  const auto serving = [&](int64_t n) {
    return std::find_if(plan.few.begin(), plan.few.end(), [&](const FewColumns& f) { return n <= f.most_columns; });
  };
  plan.tail_columns = 0;
  for (int64_t n = 1; plan.chosen.lanes == kPanelWidth; ++n) {
    const auto few = serving(n);
    if (few == plan.few.end()) break;
    const double ns = few->schedule.form == Form::vector ? vector_ns(n) : times.narrow;
    if (ns * kWorthwhileTail >= times.next_panel) break;
    plan.tail_columns = n;
  }
  if (!problem.n_fixed && fewest_columns(problem) <= kMostNarrowColumns) return;
  // No call is of few columns; what may be left over is a tail, of a number that may be known.
  const int64_t tail = known_tail(problem);
  std::erase_if(plan.few, [&](const FewColumns& few) {
    return tail > 0 ? &few != &*serving(tail) || tail > plan.tail_columns : plan.tail_columns == 0;
  });
  if (plan.few.empty()) plan.tail_columns = 0;
}

void plan_few_columns(Plan& plan, const Problem& problem, const Pattern& pattern, const Target& target,
                      CandidateMaker& maker, int64_t panels) {
  plan.few.clear();
  plan.tail_columns = 0;
  if (!may_serve(plan, problem, pattern)) return;
  FewTimes times;
  std::optional<Schedule> vector, narrow;
  const auto predicted = [&](const Schedule& s, int64_t n) { return maker.make(s, n, panel_count(n)).predicted_ns; };
  if (const auto schedules = vector_schedules(pattern, problem, 1, target); !schedules.empty()) {
    const auto one = [&](const Schedule& a, const Schedule& b) { return predicted(a, 1) < predicted(b, 1); };
    vector = *std::min_element(schedules.begin(), schedules.end(), one);
    constexpr int64_t kOther = 4;
    times.vector_one = predicted(*vector, 1);
    times.vector_more = (predicted(*vector, kOther) - times.vector_one) / (kOther - 1);
  }
  for (const Schedule& schedule : narrow_schedules(pattern, problem, kMostNarrowColumns, target)) {
    const double ns = predicted(schedule, kMostNarrowColumns);
    if (narrow && ns >= times.narrow) continue;
    narrow = schedule;
    times.narrow = ns;
  }
  times.panel = predicted(plan.chosen, 1);
  // A plain Y's last panel is staged, which takes a pass of its own.
  const bool own_pass = plan.chosen.panels_per_pass > 1 && problem.y_layout == Layout::plain;
  times.next_panel = own_pass ? times.panel : plan.candidates.front().predicted_ns / static_cast<double>(panels);
  set_few_columns(plan, problem, times, vector, narrow);
}

}  // namespace sparsmith

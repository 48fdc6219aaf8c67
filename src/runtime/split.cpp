#include "runtime/split.h"

#include <algorithm>
#include <limits>

#include "sparsmith/panel.h"

namespace sparsmith {
namespace {

// In multiply-accumulates of a vector.
constexpr double kPackLine = 5;       // packing a row of a panel
constexpr double kShareLine = 2;      // reading a row of a panel that another thread's cache may hold
constexpr double kMeeting = 5000;     // threads waiting for each other, about a microsecond
constexpr double kCodeFetch = 0.25;   // fetching a panel's work of code that L1I doesn't hold, over doing that work
constexpr double kCachedCode = 3000;  // multiply-accumulates whose code L1I does hold

double ceil_div(int64_t a, int64_t b) { return static_cast<double>((a + b - 1) / b); }

}  // namespace

Split choose_split(const SplitShape& shape, int threads) {
  if (threads <= 1) return {};
  const auto work = static_cast<double>(std::max<int64_t>(shape.work, 1));
  const auto panels = static_cast<double>(shape.panels), depth = static_cast<double>(shape.k);
  const double code = work > kCachedCode ? kCodeFetch * work : 0;

  const int by_columns = static_cast<int>(std::min<int64_t>(threads, shape.panels));
  const int by_rows = static_cast<int>(std::min<int64_t>(threads, shape.tiles));
  if (by_columns <= 1 && by_rows <= 1) return {};
  if (by_columns <= 1) return {SplitBy::rows, by_rows};
  if (by_rows <= 1) return {SplitBy::columns, by_columns};

  const double pack = shape.packs_x ? depth * kPackLine : 0;
  const double columns = ceil_div(shape.panels, by_columns) * (work + pack) + code;
  // What all threads do over `count` panels by rows.
  const double share = ceil_div(shape.tiles, by_rows) / static_cast<double>(shape.tiles);
  const auto divided_by_rows = [&](double count) {
    return share * (count * work + code) + count * (pack + depth * kShareLine);
  };
  const double rows = divided_by_rows(panels) + static_cast<double>(shape.n_blocks - 1) * kMeeting;
  double both = std::numeric_limits<double>::infinity();
  const int64_t round = shape.panels / threads, left = shape.panels % threads;
  if (round > 0 && left > 0 && shape.panels_per_pass == 1) {
    both = static_cast<double>(round) * (work + pack) + code + divided_by_rows(static_cast<double>(left));
  }
  if (both < columns && both < rows) return {SplitBy::both, threads};
  return rows < columns ? Split{SplitBy::rows, by_rows} : Split{SplitBy::columns, by_columns};
}

Split choose_split(const Plan& plan, const Problem& problem, int threads) {
  const Schedule& schedule = plan.chosen;
  const int64_t panels = panel_count(plan.n);
  SplitShape shape;
  shape.panels = panels;
  shape.k = plan.k;
  shape.tiles = (plan.m + schedule.tile_rows - 1) / schedule.tile_rows;
  shape.work = schedule.form == Form::dense ? plan.m * plan.k : plan.nnz;
  shape.panels_per_pass = schedule.panels_per_pass;
  shape.n_blocks = schedule.n_block > 0 ? (panels + schedule.n_block - 1) / schedule.n_block : 1;
  shape.packs_x = problem.x_layout == Layout::plain && !schedule.direct_x;
  return choose_split(shape, threads);
}

}  // namespace sparsmith

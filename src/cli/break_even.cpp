#include "cli/break_even.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace sparsmith::cli {
namespace {

constexpr double kLeastDensity = 0.002;

/// The pattern with nonzeros dropped or added at random, so that about `density` of its elements are nonzero.
std::optional<Pattern> at_density(const Pattern& pattern, double density) {
  std::mt19937 generator(7);
  const double own = pattern.density();
  // Of the nonzeros, or of the zeros, each is taken with this probability.
  const double taken = density < own ? density / own : (density - own) / std::max(1 - own, 1e-9);
  const auto limit = static_cast<uint64_t>(std::clamp(taken, 0.0, 1.0) * 0x1p32);
  const auto offsets = pattern.row_offsets();
  const auto columns = pattern.columns();
  std::vector<int64_t> new_offsets{0};
  std::vector<int32_t> new_columns;
  new_columns.reserve(static_cast<size_t>(density * static_cast<double>(pattern.rows() * pattern.cols()) * 1.01));
  for (int64_t row = 0; row < pattern.rows(); ++row) {
    int64_t i = offsets[static_cast<size_t>(row)];
    const int64_t end = offsets[static_cast<size_t>(row) + 1];
    if (density < own) {
      for (; i < end; ++i) {
        if (generator() < limit) new_columns.push_back(columns[static_cast<size_t>(i)]);
      }
    } else {
      for (int32_t column = 0; column < pattern.cols(); ++column) {
        const bool nonzero = i < end && columns[static_cast<size_t>(i)] == column;
        i += nonzero ? 1 : 0;
        if (nonzero || generator() < limit) new_columns.push_back(column);
      }
    }
    new_offsets.push_back(static_cast<int64_t>(new_columns.size()));
  }
  auto made = Pattern::create(pattern.rows(), pattern.cols(), std::move(new_offsets), std::move(new_columns));
  if (!made) return std::nullopt;
  return *std::move(made);
}

struct Point {
  double density, gap;  ///< gap: sparse minus dense, ns
};

double zero_of_line(const Point& a, const Point& b) {
  return b.density - b.gap * (b.density - a.density) / (b.gap - a.gap);
}

}  // namespace

FormTimes form_times(const Plan& plan) {
  FormTimes times;
  const auto least = [](double& best, double ns) {
    if (ns > 0 && (best == 0 || ns < best)) best = ns;
  };
  for (const Candidate& candidate : plan.candidates) {
    const bool dense = candidate.schedule.form == Form::dense;
    least(dense ? times.dense_ns : times.sparse_ns, candidate.predicted_ns);
    least(dense ? times.dense_measured_ns : times.sparse_measured_ns, candidate.measured_ns);
  }
  return times;
}

std::optional<double> break_even_density(const Pattern& pattern, const Problem& problem, const Plan& plan,
                                         const Target& target, const PlanOptions& options) {
  if (pattern.nnz() == 0 || (problem.conv && problem.conv->groups > 1)) return std::nullopt;
  const FormTimes own = form_times(plan);
  if (own.sparse_ns <= 0 || own.dense_ns <= 0) return std::nullopt;
  const auto gap_at = [&](double density) -> std::optional<Point> {
    const auto changed = at_density(pattern, density);
    if (!changed || changed->nnz() == 0) return std::nullopt;
    const auto made = make_plan(*changed, problem, target, options);
    if (!made.ok()) return std::nullopt;
    const FormTimes times = form_times(*made);
    if (times.sparse_ns <= 0 || times.dense_ns <= 0) return std::nullopt;
    return Point{changed->density(), times.sparse_ns - times.dense_ns};
  };
  const auto bounded = [](double density) { return std::clamp(density, kLeastDensity, 1.0); };

  const Point first{pattern.density(), own.sparse_ns - own.dense_ns};
  const double proportional = bounded(first.density * own.dense_ns / own.sparse_ns);
  if (std::abs(proportional - first.density) < 0.01 * first.density) {
    return first.density == 1 && first.gap < 0 ? 1 : first.density;
  }
  const auto second = gap_at(proportional);
  if (!second) return std::nullopt;
  if (second->density >= 1 && second->gap <= 0) return 1;
  if (second->gap == first.gap) return std::nullopt;
  const auto third = gap_at(bounded(zero_of_line(first, *second)));
  if (!third) return std::nullopt;
  if (third->density >= 1 && third->gap <= 0) return 1;
  const bool first_nearer = std::abs(first.gap) < std::abs(second->gap);
  const Point& other = first_nearer ? first : *second;
  if (third->gap == other.gap) return third->density;
  return bounded(zero_of_line(other, *third));
}

}  // namespace sparsmith::cli

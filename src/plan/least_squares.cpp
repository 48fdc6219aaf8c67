#include "plan/least_squares.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace sparsmith {

std::vector<double> fit_factors(const std::vector<std::vector<double>>& rows, double prior) {
  const size_t count = rows.empty() ? 0 : rows.front().size();
  // Normal equations, solved by coordinate descent: the matrix is small and positive definite thanks to the prior.
  std::vector<std::vector<double>> normal(count, std::vector<double>(count, 0));
  std::vector<double> right(count, prior), factors(count, 1);
  for (const std::vector<double>& row : rows) {
    for (size_t i = 0; i < count; ++i) {
      right[i] += row[i];
      for (size_t j = 0; j < count; ++j) normal[i][j] += row[i] * row[j];
    }
  }
  for (size_t i = 0; i < count; ++i) normal[i][i] += prior;
  constexpr int kMostSweeps = 10000;
  constexpr double kSmallStep = 1e-9;
  for (int sweep = 0; sweep < kMostSweeps; ++sweep) {
    double largest = 0;
    for (size_t i = 0; i < count; ++i) {
      double residual = right[i];
      for (size_t j = 0; j < count; ++j) residual -= normal[i][j] * factors[j];
      const double next = std::max(0.0, factors[i] + residual / normal[i][i]);
      largest = std::max(largest, std::abs(next - factors[i]));
      factors[i] = next;
    }
    if (largest < kSmallStep) break;
  }
  return factors;
}

}  // namespace sparsmith

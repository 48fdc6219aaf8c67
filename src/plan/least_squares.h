/// \file
/// The small fit that calibration makes.
#pragma once

#include <vector>

namespace sparsmith {

/// Factors u >= 0 that bring sum_j rows[i][j] * u[j] close to 1 for every row (least squares), and stay close to 1
/// themselves: `prior` says how many rows' worth a factor's distance from 1 counts, which decides where rows can't.
std::vector<double> fit_factors(const std::vector<std::vector<double>>& rows, double prior);

}  // namespace sparsmith

/// \file
/// From which density on a layer is better computed as a dense one.
#pragma once

#include <optional>

#include "sparsmith/plan.h"

namespace sparsmith::cli {

/// The best predictions of a plan: of the dense form, and of all others. 0 where there is none.
struct FormTimes {
  double sparse_ns = 0, dense_ns = 0;                    ///< predicted
  double sparse_measured_ns = 0, dense_measured_ns = 0;  ///< by tuning, else 0
};
FormTimes form_times(const Plan& plan);

/// The density d at which predicted sparse equals predicted dense: the zero of f(d) = sparse(d) - dense(d), where both
/// are the best candidates' predictions of a plan for the layer's own pattern at density d, that is thinned or filled
/// at random. With d0 the layer's density, d1 = d0 * dense(d0) / sparse(d0) is where sparse time in proportion to
/// nonzeros would meet dense; d2 = d1 - f(d1) * (d1 - d0) / (f(d1) - f(d0)) is where the line through both does, and
/// the result is the zero of the line through d2 and the nearer of d0 and d1. 1: sparse is faster at any density;
/// nothing: there is no such density, as of grouped convolutions, whose dense form multiplies other groups' zeros.
std::optional<double> break_even_density(const Pattern& pattern, const Problem& problem, const Plan& plan,
                                         const Target& target, const PlanOptions& options);

}  // namespace sparsmith::cli

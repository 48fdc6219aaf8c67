/// \file
/// The page of `explain --html`: everything in one file, nothing loaded from elsewhere.
#pragma once

#include <string>

#include "sparsmith/pattern.h"
#include "sparsmith/plan.h"

namespace sparsmith::cli {

/// `title` is how the page names the weights.
std::string html_page(const std::string& title, const Pattern& pattern, const Plan& plan);

}  // namespace sparsmith::cli

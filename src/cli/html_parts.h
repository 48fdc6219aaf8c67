/// \file
/// What the pages of `explain --html` have in common: everything in one file, nothing loaded from elsewhere.
#pragma once

#include <cstdint>
#include <string>

#include "sparsmith/pattern.h"

namespace sparsmith::cli {

std::string html_escape(const std::string& text);
std::string grouped(int64_t number);  ///< "1,234,567"

/// The beginning of a page up to its content, with the style of all of them; `main` and `body` are left open.
std::string page_head(const std::string& escaped_title);
/// A number in large print over what it is.
std::string html_fact(const std::string& number, const std::string& what);

/// A picture of at most side x side elements, as the URI of an image: nonzeros counted by element, then shown on a
/// scale whose full colour is the densest one.
std::string picture(const Pattern& pattern, int64_t side);

}  // namespace sparsmith::cli

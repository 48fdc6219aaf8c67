/// \file
/// A count of what a test program takes from the heap, for promises to take nothing.
#pragma once

#include <cstdint>

namespace sparsmith::testing {

/// Calls of operator new so far, of all threads, where allocations.cpp is linked in.
int64_t allocations();

}  // namespace sparsmith::testing

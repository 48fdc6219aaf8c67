/// \file
/// The intrinsics of x86, where this is one.
#pragma once

#if defined(__x86_64__)
// GCC 12 takes its own intrinsics' undefined operands for mistakes.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <immintrin.h>
#endif

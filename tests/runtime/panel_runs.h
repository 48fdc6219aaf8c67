/// \file
/// Calls whose panels lie in runs, against the same call with all panels side by side.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "sparsmith/kernel.h"
#include "tests/runtime/call_buffers.h"

namespace sparsmith::testing {

/// Runs that `panels` panels can be divided into, with or without images, gaps of up to a few panels between them.
PanelRuns random_runs(std::mt19937& rng, int64_t panels);

/// Calls `run` again with every operand of the call that may lie in runs (panels; Y and the residual of strips) in runs
/// of its own, NaN between those of X and the residual, canaries between those of Y. Fails unless Y's bits are those
/// that the buffers hold now. `buffers` have just been run with; their Y is the same afterwards.
::testing::AssertionResult same_in_runs(const Problem& problem, int64_t m, int64_t k, CallBuffers& buffers,
                                        const std::function<Status(const RunArgs&)>& run, uint32_t seed);

}  // namespace sparsmith::testing

/// \file
/// How long a layer takes from weights in memory to a callable kernel.
#pragma once

#include "bench/cases.h"

namespace sparsmith::bench {

/// Registers `compile_cold`, without a cache, and `compile_disk`, where a new process's memory cache is empty and the
/// code comes from the disk cache. Counters: the first call of the process, nonzeros a second while emitting, and the
/// process's peak memory (meaningful when a filter runs nothing else).
void register_compile(const Case& c);

}  // namespace sparsmith::bench

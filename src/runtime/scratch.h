/// \file
/// Working memory of a thread's calls.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sparsmith {

/// At least `bytes` on a 64-byte line, contents unspecified, the calling thread's own until its next reserve within the
/// same call (call_depth(), in parallel.h); null when there is no memory. It only grows, and is freed with the thread.
std::byte* reserve_scratch(int64_t bytes);

/// Frees the calling thread's working memory.
void release_scratch();

}  // namespace sparsmith

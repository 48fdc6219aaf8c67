/// \file
/// The caches of the machine that this runs on, which plans and launches are sized for.
#pragma once

#include <cstdint>

namespace sparsmith {

/// Bytes; of levels that the system doesn't tell, what a small core has.
struct CacheSizes {
  int64_t l1 = 0, l1i = 0;  ///< the first level for data and for code
  int64_t l2 = 0, l3 = 0;
};
const CacheSizes& host_caches();

}  // namespace sparsmith

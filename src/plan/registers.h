/// \file
/// What a target's registers hold: the limits that schedules are made within.
#pragma once

#include "sparsmith/target.h"

namespace sparsmith {

struct RegisterFile {
  int vectors = 0;            ///< 16-float vectors, for accumulators, rows of X and (AVX-512) broadcast values
  int free_temps = 0;         ///< broadcast values that take no vector of those
  int max_panels = 3;         ///< panels a pass can address
  int max_listed_panels = 0;  ///< the same of the compact form, whose accumulators are one or two rows
};

/// AVX-512: 32 zmm. AVX2: eight pairs of ymm, one of which holds broadcast values.
/// Of vectors of at most 8 lanes one ymm is enough.
constexpr RegisterFile register_file(Isa isa, int lanes = 16) {
  if (lanes < 16) return isa == Isa::avx512 ? RegisterFile{32, 0, 1, 1} : RegisterFile{14, 0, 1, 1};
  return isa == Isa::avx512 ? RegisterFile{32, 0, 3, 16} : RegisterFile{7, 0, 3, 6};
}

/// Rows that a register of the vector form holds.
constexpr int vector_lanes(Isa isa) { return isa == Isa::avx512 ? 16 : 8; }

}  // namespace sparsmith

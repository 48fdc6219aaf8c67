/// \file
/// Program -> x86: AVX-512 (a vector is one zmm, values are broadcast memory operands) or AVX2 (a vector is two ymm,
/// values are broadcast into a temporary).
#pragma once

#include "codegen/x86_encoder.h"
#include "codegen/x86_functions.h"
#include "kernels/program.h"

namespace sparsmith {

/// Appends one function of type Entry to the encoder's code, on a 64-byte line; returns its offset.
/// What it calls comes before.
Result<uint32_t> lower(const Program& program, Isa isa, X86Functions& functions, X86Encoder& encoder);

}  // namespace sparsmith

/// \file
/// The segments of the compact form: their streams, and the few functions they share.
#pragma once

#include <vector>

#include "artifact/image.h"
#include "codegen/code_generator.h"
#include "plan/layer_matrix.h"
#include "plan/registers.h"

namespace sparsmith {

/// Fills `segments`, appends to image.value_sources and indices; emits the code. The schedule's form is compact.
Status build_compact(const LayerMatrix& matrix, const Problem& problem, const Schedule& schedule,
                     const RegisterFile& registers, CodeGenerator& generator, KernelImage& image,
                     std::vector<Segment>& segments);

}  // namespace sparsmith

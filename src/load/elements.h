/// \file
/// Element types as .npy files name them.
#pragma once

#include <string>

#include "load/npy.h"
#include "sparsmith/model.h"

namespace sparsmith::load {

/// The element type of an array; bad_input names the dtype where there is none.
Result<ElementType> npy_element(const NpyHeader& header, const std::string& origin);

/// How a header names the type: "<f4".
const char* npy_descr(ElementType element);

/// The array's bytes in C order and this machine's byte order; `data` must be header.data_bytes long.
Result<NamedTensor> decode_npy_tensor(const NpyHeader& header, std::string_view data, std::string name,
                                      const std::string& origin);

}  // namespace sparsmith::load

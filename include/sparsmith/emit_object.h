/// \file
/// A model's artifact as something to link: an app that has it needs no file at run time.
#pragma once

#include <string>
#include <string_view>

#include "sparsmith/result.h"

namespace sparsmith {

/// What the app is built with. Both define or declare, for C and C++, `NAME_smk` (the artifact, 64-byte aligned) and
/// `NAME_smk_size`; the header has `NAME_load` too: in C++ it gives a Result<Model>, in C it takes a sparsmith_model**.
struct ModelObject {
  std::string object;  ///< an ELF relocatable file for x86-64, the bytes read-only data in it
  std::string header;  ///< its .h
};

/// Largest artifact that fits in a program's small code model beside other data.
inline constexpr size_t kMaxObjectBytes = size_t{1} << 30;

/// bad_input: not a model's artifact (CompiledModel::artifact), or a name that is no C identifier; unsuitable: larger
/// than kMaxObjectBytes.
Result<ModelObject> emit_object(std::string_view artifact, const std::string& name);

/// A name for emit_object: a file's without folders and ending, what C doesn't have in names as `_`;
/// `model_` in front of what begins with none of C's letters.
std::string object_name(const std::string& path);

}  // namespace sparsmith

#include "sparsmith/emit_object.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

#include "codegen/data_object.h"
#include "model/model_file.h"

namespace sparsmith {
namespace {

/// Cache lines; what the artifact's own reader could ask for.
constexpr uint32_t kAlignment = 64;
constexpr size_t kMaxName = 200;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_identifier(std::string_view name) {
  if (name.empty() || name.size() > kMaxName || !is_letter(name[0])) return false;
  for (const char c : name) {
    if (!is_letter(c) && !is_digit(c)) return false;
  }
  return true;
}

/// NAME stands for the model's.
constexpr std::string_view kHeader = R"(// The model NAME, linked in from its object file. Made by sparsmith.
#pragma once

#include <stddef.h>

#ifdef __cplusplus
#include <sparsmith/model.h>
extern "C" {
#else
#include <sparsmith/c_api.h>
#endif

extern const unsigned char NAME_smk[];
extern const size_t NAME_smk_size;

#ifdef __cplusplus
}
inline sparsmith::Result<sparsmith::Model> NAME_load() {
  return sparsmith::Model::from_bytes({reinterpret_cast<const std::byte*>(NAME_smk), NAME_smk_size}, "NAME");
}
#else
static inline sparsmith_status NAME_load(sparsmith_model** model) {
  return sparsmith_model_from_bytes(NAME_smk, NAME_smk_size, "NAME", model);
}
#endif
)";

std::string header_for(const std::string& name) {
  constexpr std::string_view kPlace = "NAME";
  std::string text;
  std::string_view rest = kHeader;
  for (size_t at = rest.find(kPlace); at != rest.npos; at = rest.find(kPlace)) {
    text.append(rest.substr(0, at)).append(name);
    rest.remove_prefix(at + kPlace.size());
  }
  return text.append(rest);
}

}  // namespace

Result<ModelObject> emit_object(std::string_view artifact, const std::string& name) {
  if (!is_identifier(name)) {
    return bad_input("\"" + name + "\" can't be the name of symbols",
                     "a letter or _, then letters, digits or _, at most " + std::to_string(kMaxName));
  }
  if (!model::is_model(artifact)) return bad_input("what " + name + "'s object is to hold is not a compiled model");
  if (artifact.size() > kMaxObjectBytes) {
    return unsuitable("the artifact of " + name + " has " + std::to_string(artifact.size()) +
                          " bytes; programs have no room for more than " + std::to_string(kMaxObjectBytes),
                      "load it from a file");
  }
  try {
    std::array<char, 8> size{};
    const uint64_t bytes = artifact.size();
    std::memcpy(size.data(), &bytes, sizeof bytes);
    const std::array symbols = {DataSymbol{name + "_smk", artifact, kAlignment},
                                DataSymbol{name + "_smk_size", {size.data(), size.size()}, alignof(uint64_t)}};
    auto object = data_object(symbols);
    if (!object) return object.error();
    return ModelObject{std::move(*object), header_for(name)};
  } catch (const std::bad_alloc&) {
    return unsuitable("no memory for the object of " + name);
  }
}

std::string object_name(const std::string& path) {
  const size_t folder = path.find_last_of('/');
  std::string name = folder == path.npos ? path : path.substr(folder + 1);
  name = name.substr(0, std::min(name.find_last_of('.'), kMaxName));
  for (char& c : name) {
    if (!is_letter(c) && !is_digit(c)) c = '_';
  }
  if (name.empty() || !is_letter(name[0])) name.insert(0, "model_");
  return name.substr(0, kMaxName);
}

}  // namespace sparsmith

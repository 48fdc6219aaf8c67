#include <onnx/onnx_pb.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <optional>

#include "load/messages.h"
#include "load/source.h"
#include "onnx/tensor.h"

namespace sparsmith::onnx_reader {
namespace {

namespace fs = std::filesystem;
using load::join;
using load::visible;

struct Location {
  std::string file;
  uint64_t offset = 0;
  std::optional<uint64_t> length;
};

Result<uint64_t> read_number(const std::string& text, const char* key, const std::string& what) {
  uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc() && at == end) return value;
  return bad_input(join(what, ": its external data has \"", key, "\" ", visible(text), "; a whole number is expected"));
}

Result<Location> read_location(const onnx::TensorProto& tensor, const std::string& what) {
  Location location;
  for (const onnx::StringStringEntryProto& entry : tensor.external_data()) {
    if (entry.key() == "location") location.file = entry.value();
    if (entry.key() != "offset" && entry.key() != "length") continue;
    const auto number = read_number(entry.value(), entry.key().c_str(), what);
    if (!number) return number.error();
    if (entry.key() == "offset") location.offset = *number;
    if (entry.key() == "length") location.length = *number;
  }
  if (location.file.empty()) return bad_input(join(what, ": its data is external, but no \"location\" says where"));
  return location;
}

/// Whether a path leads downwards only, and is one that writers use. The file's real place is compared too, as links
/// may lead elsewhere.
bool stays_below(const fs::path& path) {
  if (path.is_absolute()) return false;
  for (const fs::path& part : path) {
    if (part == "..") return false;
  }
  const std::string& text = path.native();
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return c == '\\' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

bool lies_below(const fs::path& file, const fs::path& folder) {
  std::error_code error;
  const fs::path real = fs::canonical(file, error);
  if (error) return true;  // opening it says what is wrong
  const fs::path root = fs::canonical(folder, error);
  if (error) return false;
  const fs::path relative = real.lexically_relative(root);
  return !relative.empty() && *relative.begin() != "..";
}

}  // namespace

Result<std::vector<std::byte>> read_external(const onnx::TensorProto& tensor, uint64_t size, const std::string& what,
                                             const Source& source) {
  const auto location = read_location(tensor, what);
  if (!location) return location.error();
  if (source.folder.empty()) {
    return bad_input(
        join(what, ": its data is in the file ", visible(location->file), ", but the model isn't read from a file"));
  }
  const fs::path path = fs::path(source.folder) / location->file;
  if (!stays_below(location->file) || !lies_below(path, source.folder)) {
    return bad_input(
        join(what, ": its data is said to be in ", visible(location->file), ", outside the model's folder"),
        "external data must lie beside the model or in folders below it, not behind links that lead elsewhere");
  }
  if (location->length && *location->length != size) {
    return bad_input(
        join(what, ": its external data has ", *location->length, " bytes; its shape and type need ", size));
  }
  const auto file = load::FileSource::open(path.string());
  if (!file) return load::in_file(what, file.error());
  if (location->offset > file->size() || size > file->size() - location->offset) {
    return bad_input(join(what, ": its data is said to be ", size, " bytes at byte ", location->offset, " of ",
                          visible(location->file), ", which has ", file->size()));
  }
  std::string scratch;
  const auto bytes = file->read(location->offset, size, scratch);
  if (!bytes) return bytes.error();
  std::vector<std::byte> data(bytes->size());
  if (!data.empty()) std::memcpy(data.data(), bytes->data(), data.size());
  return data;
}

}  // namespace sparsmith::onnx_reader

// Files to readers, by suffix.
#include "sparsmith/load.h"

#include "load/messages.h"
#include "load/npz.h"
#include "load/safetensors.h"
#include "load/source.h"
#include "load/sparse.h"
#include "load/suffix.h"

namespace sparsmith {
namespace load {
namespace {

struct Location {
  std::string file, name;
};

/// `file.npz:name` at the first colon that follows a container's suffix; tensor names may hold colons themselves.
Location split(const std::string& path) {
  for (size_t colon = path.find(':'); colon != std::string::npos; colon = path.find(':', colon + 1)) {
    const std::string_view file = std::string_view(path).substr(0, colon);
    if (has_suffix(file, ".npz") || has_suffix(file, ".safetensors"))
      return {std::string(file), path.substr(colon + 1)};
  }
  return {path, {}};
}

template <class T, class Read>
Result<T> with_file(const std::string& path, Read read) {
  const auto source = FileSource::open(path);
  if (!source) return source.error();
  return read(*source);
}

Result<Weights> read_weights(const std::string& path, const LoadOptions& options) {
  const Location location = split(path);
  const std::string& file = location.file;
  if (has_suffix(file, ".npz")) {
    return with_file<Weights>(file, [&](const ByteSource& source) { return npz_weights(source, location.name, file); });
  }
  if (has_suffix(file, ".safetensors")) {
    return with_file<Weights>(
        file, [&](const ByteSource& source) { return safetensors_weights(source, location.name, file); });
  }
  const bool npy = has_suffix(file, ".npy"), smtx = has_suffix(file, ".smtx");
  if (!npy && !smtx && !has_suffix(file, ".mtx")) {
    return bad_input(
        join(path, ": its suffix names no weight format"),
        ".npy, .npz, .safetensors, .smtx and .mtx are read; file.npz:name and file.safetensors:name name one array");
  }
  const auto bytes = read_file(file);
  if (!bytes) return bytes.error();
  if (smtx) return parse_smtx(*bytes, options.seed, file);
  if (!npy) return parse_mtx(*bytes, options.seed, file);
  const auto array = parse_npy(*bytes, file);
  if (!array) return array.error();
  return weights_from_array(*array, file);
}

Result<Array> read_array(const std::string& path) {
  const Location location = split(path);
  const std::string& file = location.file;
  if (has_suffix(file, ".npz")) {
    return with_file<Array>(file, [&](const ByteSource& source) { return npz_array(source, location.name, file); });
  }
  if (has_suffix(file, ".safetensors")) {
    return with_file<Array>(file,
                            [&](const ByteSource& source) { return safetensors_array(source, location.name, file); });
  }
  if (!has_suffix(file, ".npy")) {
    return bad_input(join(path, ": its suffix names no array format"),
                     ".npy is read, and file.npz:name and file.safetensors:name");
  }
  const auto bytes = read_file(file);
  if (!bytes) return bytes.error();
  return parse_npy(*bytes, file);
}

}  // namespace
}  // namespace load

int64_t Array::size() const {
  int64_t product = 1;
  for (const int64_t dimension : shape) product *= dimension;
  return product;
}

Result<Weights> load_weights(const std::string& path, const LoadOptions& options) {
  return load::guarded(path, [&] { return load::read_weights(path, options); });
}

Result<Array> load_array(const std::string& path) {
  return load::guarded(path, [&] { return load::read_array(path); });
}

}  // namespace sparsmith

// What models take and give: arrays of any element type, from .npy and .npz and back.
#include <algorithm>
#include <set>

#include "load/elements.h"
#include "load/messages.h"
#include "load/npz.h"
#include "load/source.h"
#include "load/suffix.h"
#include "load/write_file.h"
#include "load/zip_write.h"

namespace sparsmith {
namespace load {
namespace {

/// Every one is looked up by name, and its header inflated.
constexpr size_t kMostArrays = 1000;

Result<std::vector<NamedTensor>> npz_tensors(const ByteSource& source, const std::string& origin) {
  const auto npz = Npz::open(source, origin);
  if (!npz) return npz.error();
  if (npz->names().size() > kMostArrays) {
    return bad_input(join(origin, ": holds ", npz->names().size(), " arrays; at most ", kMostArrays, " are read"));
  }
  std::vector<NamedTensor> tensors;
  for (const std::string& name : npz->names()) {
    const std::string member_origin = npz->member_origin(name);
    const auto header = npz->header(name);
    if (!header) return header.error();
    if (const auto element = npy_element(*header, member_origin); !element) return element.error();
    const auto member = npz->read(name);
    if (!member) return member.error();
    auto tensor = decode_npy_tensor(member->header, member->data, name, member_origin);
    if (!tensor) return tensor.error();
    tensors.push_back(std::move(*tensor));
  }
  return tensors;
}

Result<NamedTensor> npy_tensor(std::string_view bytes, const std::string& origin) {
  const auto header = parse_npy_header(bytes, origin);
  if (!header) return header.error();
  if (const auto element = npy_element(*header, origin); !element) return element.error();
  if (Status whole = check_npy_size(*header, bytes.size(), origin); !whole) return whole.error();
  return decode_npy_tensor(*header, bytes.substr(header->data_offset), "", origin);
}

Result<std::vector<NamedTensor>> read_tensors(const std::string& path) {
  if (has_suffix(path, ".npz")) {
    const auto source = FileSource::open(path);
    if (!source) return source.error();
    return npz_tensors(*source, path);
  }
  if (!has_suffix(path, ".npy")) {
    return bad_input(join(path, ": its suffix names no format of arrays"), ".npz and .npy are read");
  }
  const auto bytes = read_file(path);
  if (!bytes) return bytes.error();
  auto tensor = npy_tensor(*bytes, path);
  if (!tensor) return tensor.error();
  std::vector<NamedTensor> one;
  one.push_back(std::move(*tensor));
  return one;
}

Status check_tensor(const std::string& path, const NamedTensor& tensor) {
  const auto count = element_count(tensor.shape);
  const auto bytes = count ? checked_multiply(*count, sparsmith::size_of(tensor.element)) : std::nullopt;
  if (!bytes || *bytes != static_cast<int64_t>(tensor.bytes.size())) {
    return bad_input(join(path, ": ", visible(tensor.name), " of shape ", shape_text(tensor.shape), " and type ",
                          to_string(tensor.element), " has ", tensor.bytes.size(), " bytes"));
  }
  return success();
}

std::string_view content(const NamedTensor& tensor) {
  return {reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size()};
}

Status save(const std::string& path, std::span<const NamedTensor> tensors) {
  for (const NamedTensor& tensor : tensors) {
    if (Status fits = check_tensor(path, tensor); !fits) return fits;
  }
  if (has_suffix(path, ".npy")) {
    if (tensors.size() != 1) {
      return bad_input(join(path, ": an .npy holds one array, not ", tensors.size()), "save them to an .npz");
    }
    const auto header = make_npy_header(npy_descr(tensors[0].element), tensors[0].shape, path);
    if (!header) return header.error();
    return write_file(path, std::vector<std::string_view>{*header, content(tensors[0])});
  }
  if (!has_suffix(path, ".npz")) {
    return bad_input(join(path, ": its suffix names no format of arrays"), ".npz and .npy can be written");
  }
  std::set<std::string_view> names;
  std::vector<std::string> headers;
  std::vector<ZipContent> members;
  for (const NamedTensor& tensor : tensors) {
    if (tensor.name.empty()) return bad_input(join(path, ": an array without a name; those of an .npz have one"));
    if (!names.insert(tensor.name).second) {
      return bad_input(join(path, ": two arrays are named ", visible(tensor.name)));
    }
    auto header = make_npy_header(npy_descr(tensor.element), tensor.shape, path);
    if (!header) return header.error();
    headers.push_back(std::move(*header));
  }
  for (size_t i = 0; i < tensors.size(); ++i) {
    members.push_back({tensors[i].name + ".npy", headers[i], content(tensors[i])});
  }
  const auto archive = make_zip(members, path);
  if (!archive) return archive.error();
  return write_file(path, archive->pieces);
}

}  // namespace
}  // namespace load

Result<std::vector<NamedTensor>> load_tensors(const std::string& path) {
  return load::guarded(path, [&] { return load::read_tensors(path); });
}

Status save_tensors(const std::string& path, std::span<const NamedTensor> tensors) {
  return load::guarded(path, [&] { return load::save(path, tensors); });
}

Result<NamedTensor> parse_npy_tensor(std::string_view bytes, const std::string& origin) {
  return load::guarded(origin, [&] { return load::npy_tensor(bytes, origin); });
}

Result<std::vector<NamedTensor>> parse_npz_tensors(std::string_view bytes, const std::string& origin) {
  return load::guarded(origin, [&] { return load::npz_tensors(load::MemorySource(bytes), origin); });
}

}  // namespace sparsmith

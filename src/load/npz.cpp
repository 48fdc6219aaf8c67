#include "load/npz.h"

#include <algorithm>

#include "load/messages.h"
#include "load/sparse.h"

namespace sparsmith::load {
namespace {

constexpr std::string_view kSuffix = ".npy";

std::string_view without_suffix(std::string_view name) {
  return name.ends_with(kSuffix) ? name.substr(0, name.size() - kSuffix.size()) : name;
}

/// "a, b, c", cut after a dozen.
std::string list(const std::vector<std::string>& names) {
  constexpr size_t kShown = 12;
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), kShown); ++i) text += (i > 0 ? ", " : "") + visible(names[i]);
  if (names.size() > kShown) text += join(" and ", names.size() - kShown, " more");
  return text;
}

}  // namespace

Result<Npz> Npz::open(const ByteSource& source, const std::string& origin) {
  auto entries = read_zip_directory(source, origin);
  if (!entries) return entries.error();
  Npz npz(source, origin);
  for (ZipEntry& entry : *entries) {
    if (entry.name.ends_with('/')) continue;  // a folder
    npz.names_.emplace_back(without_suffix(entry.name));
    npz.entries_.push_back(std::move(entry));
  }
  if (npz.names_.empty()) return bad_input(join(origin, ": holds no arrays"));
  return npz;
}

std::string Npz::member_origin(std::string_view name) const { return join(origin_, ":", escaped(name)); }

bool Npz::has(std::string_view name) const { return std::find(names_.begin(), names_.end(), name) != names_.end(); }

Result<const ZipEntry*> Npz::find(std::string_view name) const {
  const std::string_view wanted = without_suffix(name);
  const ZipEntry* found = nullptr;
  for (size_t i = 0; i < names_.size(); ++i) {
    if (names_[i] != wanted) continue;
    if (found != nullptr) return bad_input(join(origin_, ": holds two arrays named ", visible(wanted)));
    found = &entries_[i];
  }
  if (found == nullptr) {
    return bad_input(join(origin_, ": holds no array named ", visible(wanted), "; it holds ", list(names_)));
  }
  return found;
}

Result<NpyHeader> Npz::header(std::string_view name) const {
  const auto entry = find(name);
  if (!entry) return entry.error();
  const std::string origin = member_origin(name);
  constexpr uint64_t kEnoughCompressed = 128 * 1024;
  auto stream = ZipStream::open(*source_, **entry, origin, kEnoughCompressed);
  if (!stream) return stream.error();
  std::string bytes(kNpyPreamble, '\0');
  auto got = stream->read(bytes.data(), bytes.size());
  if (!got) return got.error();
  bytes.resize(*got);
  const auto length = npy_header_length(bytes, origin);
  if (!length) return length.error();
  const size_t preamble = bytes.size();
  if (*length > preamble) {
    bytes.resize(*length);
    got = stream->read(bytes.data() + preamble, *length - preamble);
    if (!got) return got.error();
    bytes.resize(preamble + *got);
  }
  return parse_npy_header(bytes, origin);
}

Result<NpyMember> Npz::read(std::string_view name) const {
  auto head = header(name);
  if (!head) return head.error();
  const auto entry = find(name);
  if (!entry) return entry.error();
  const std::string origin = member_origin(name);
  const uint64_t promised = static_cast<uint64_t>(head->data_offset) + static_cast<uint64_t>(head->data_bytes);
  if ((*entry)->size != promised) {
    return bad_input(join(origin, ": shape ", shape_text(head->shape), " of ", escaped(head->descr), " makes ",
                          promised, " bytes with the header, but the zip archive declares ", (*entry)->size));
  }
  auto stream = ZipStream::open(*source_, **entry, origin);
  if (!stream) return stream.error();
  NpyMember member{*std::move(head), {}};
  // The header is read again, so that the checksum covers it.
  std::string header_bytes(member.header.data_offset, '\0');
  auto got = stream->read(header_bytes.data(), header_bytes.size());
  if (!got) return got.error();
  member.data.resize(member.header.data_bytes);
  got = stream->read(member.data.data(), member.data.size());
  if (!got) return got.error();
  if (Status status = stream->finish(); !status) return status.error();
  return member;
}

Result<Array> Npz::floats(std::string_view name) const {
  const auto head = header(name);
  if (!head) return head.error();
  if (const auto type = npy_float_type(*head, member_origin(name)); !type) return type.error();
  const auto member = read(name);
  if (!member) return member.error();
  return decode_npy_floats(member->header, member->data, member_origin(name));
}

Result<std::vector<int64_t>> Npz::integers(std::string_view name) const {
  const auto member = read(name);
  if (!member) return member.error();
  return decode_npy_integers(member->header, member->data, member_origin(name));
}

Result<Weights> npz_weights(const ByteSource& source, const std::string& name, const std::string& origin) {
  const auto npz = Npz::open(source, origin);
  if (!npz) return npz.error();
  std::string chosen = name;
  if (name.empty()) {
    if (is_scipy_sparse(*npz)) return scipy_weights(*npz, origin);
    constexpr size_t kMostUnnamed = 1000;  // every member's header has to be inflated
    if (npz->names().size() > kMostUnnamed) {
      return bad_input(join(origin, ": holds ", npz->names().size(), " arrays"),
                       join("name one, as in ", origin, ":", escaped(npz->names().front())));
    }
    std::vector<std::string> matrices;
    for (const std::string& candidate : npz->names()) {
      const auto head = npz->header(candidate);
      if (!head) return head.error();
      if (head->shape.size() >= 2) matrices.push_back(candidate);
    }
    if (matrices.empty()) {
      return bad_input(join(origin, ": holds no array of 2 or more dimensions; it holds ", list(npz->names())));
    }
    if (matrices.size() > 1) {
      return bad_input(join(origin, ": holds ", matrices.size(), " matrices: ", list(matrices)),
                       join("name one, as in ", origin, ":", escaped(matrices.front())));
    }
    chosen = matrices.front();
  }
  const auto array = npz->floats(chosen);
  if (!array) return array.error();
  return weights_from_array(*array, npz->member_origin(chosen));
}

Result<Array> npz_array(const ByteSource& source, const std::string& name, const std::string& origin) {
  const auto npz = Npz::open(source, origin);
  if (!npz) return npz.error();
  if (!name.empty()) return npz->floats(name);
  if (is_scipy_sparse(*npz)) {
    return bad_input(join(origin, ": holds a scipy.sparse matrix; a dense array is expected"),
                     "save it with numpy.save(name, matrix.toarray())");
  }
  if (npz->names().size() > 1) {
    return bad_input(join(origin, ": holds ", npz->names().size(), " arrays: ", list(npz->names())),
                     join("name one, as in ", origin, ":", escaped(npz->names().front())));
  }
  return npz->floats(npz->names().front());
}

}  // namespace sparsmith::load

namespace sparsmith {

Result<Weights> parse_npz_weights(std::string_view bytes, const std::string& name, const std::string& origin) {
  return load::guarded(origin, [&] { return load::npz_weights(load::MemorySource(bytes), name, origin); });
}

Result<Array> parse_npz_array(std::string_view bytes, const std::string& name, const std::string& origin) {
  return load::guarded(origin, [&] { return load::npz_array(load::MemorySource(bytes), name, origin); });
}

}  // namespace sparsmith

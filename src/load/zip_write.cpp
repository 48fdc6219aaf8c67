#include "load/zip_write.h"

#include <zlib.h>

#include <algorithm>

#include "load/messages.h"

namespace sparsmith::load {
namespace {

constexpr uint32_t kLocalMagic = 0x04034b50, kEntryMagic = 0x02014b50, kEndMagic = 0x06054b50;
constexpr uint32_t kEnd64Magic = 0x06064b50, kLocator64Magic = 0x07064b50;
constexpr uint16_t kVersion = 20, kVersion64 = 45, kZip64Field = 1;
constexpr uint16_t kUtf8Name = 1 << 11;
/// 1 January 1980, where the format's time begins: equal content makes equal files.
constexpr uint16_t kDate = 1 << 5 | 1;
constexpr uint64_t kMostName = 0xffff;

template <class T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

/// Numbers that a record has in 32 bits, or, where they are larger, in its zip64 field.
class Zip64 {
 public:
  explicit Zip64(uint64_t from) : from_(from) {}
  uint32_t narrow(uint64_t value) {
    if (value < from_) return static_cast<uint32_t>(value);
    put(field_, value);
    return UINT32_MAX;
  }
  std::string extra() const {
    std::string extra;
    if (field_.empty()) return extra;
    put(extra, kZip64Field);
    put(extra, static_cast<uint16_t>(field_.size()));
    return extra + field_;
  }

 private:
  uint64_t from_;
  std::string field_;
};

uint32_t checksum(const ZipContent& member) {
  uLong crc = crc32_z(0, nullptr, 0);
  for (const std::string_view part : {member.head, member.body}) {
    if (!part.empty()) crc = crc32_z(crc, reinterpret_cast<const Bytef*>(part.data()), part.size());
  }
  return static_cast<uint32_t>(crc);
}

/// What local headers and entries of the directory have in common, from the version needed on.
std::string common_fields(const ZipContent& member, uint32_t crc, uint32_t packed, uint32_t size, bool wide,
                          size_t extra) {
  std::string fields;
  put(fields, wide ? kVersion64 : kVersion);
  put(fields, kUtf8Name);
  put(fields, uint16_t{0});  // stored
  put(fields, uint16_t{0});  // midnight
  put(fields, kDate);
  put(fields, crc);
  put(fields, packed);
  put(fields, size);
  put(fields, static_cast<uint16_t>(member.name.size()));
  put(fields, static_cast<uint16_t>(extra));
  return fields;
}

}  // namespace

Result<ZipPieces> make_zip(const std::vector<ZipContent>& members, const std::string& origin, uint64_t zip64_from) {
  ZipPieces archive;
  std::string directory;
  uint64_t offset = 0;
  const auto add = [&](std::string_view piece) {
    archive.pieces.push_back(piece);
    offset += piece.size();
  };
  for (const ZipContent& member : members) {
    if (member.name.size() > kMostName) {
      return bad_input(join(origin, ": the name ", visible(member.name), " has ", member.name.size(),
                            " bytes; a zip archive holds at most ", kMostName));
    }
    const uint64_t size = member.head.size() + member.body.size(), at = offset;
    const uint32_t crc = checksum(member);
    // A local header has both sizes in its zip64 field or neither.
    Zip64 local(size < zip64_from ? UINT64_MAX : 0);
    const uint32_t narrow_size = local.narrow(size), packed = local.narrow(size);
    const std::string local_extra = local.extra();
    std::string& header = archive.headers.emplace_back();
    put(header, kLocalMagic);
    header += common_fields(member, crc, packed, narrow_size, !local_extra.empty(), local_extra.size());
    header += member.name + local_extra;
    add(header);
    add(member.head);
    add(member.body);

    Zip64 entry(zip64_from);
    const uint32_t entry_size = entry.narrow(size), entry_packed = entry.narrow(size), entry_at = entry.narrow(at);
    const std::string extra = entry.extra();
    put(directory, kEntryMagic);
    put(directory, kVersion64);
    directory += common_fields(member, crc, entry_packed, entry_size, !extra.empty(), extra.size());
    put(directory, uint16_t{0});  // no comment
    put(directory, uint16_t{0});  // the first disk
    put(directory, uint16_t{0});  // no text
    put(directory, uint32_t{0});  // no attributes
    put(directory, entry_at);
    directory += member.name + extra;
  }

  const uint64_t directory_at = offset, directory_size = directory.size(), count = members.size();
  std::string end;
  if (directory_at >= zip64_from || directory_size >= zip64_from ||
      count >= std::min<uint64_t>(zip64_from, UINT16_MAX)) {
    put(end, kEnd64Magic);
    put(end, uint64_t{44});  // bytes that follow
    put(end, kVersion64);
    put(end, kVersion64);
    put(end, uint32_t{0});
    put(end, uint32_t{0});
    put(end, count);
    put(end, count);
    put(end, directory_size);
    put(end, directory_at);
    put(end, kLocator64Magic);
    put(end, uint32_t{0});
    put(end, directory_at + directory_size);
    put(end, uint32_t{1});
  }
  const bool wide = !end.empty();
  put(end, kEndMagic);
  put(end, uint32_t{0});  // one disk
  for (int i = 0; i < 2; ++i) put(end, wide ? uint16_t{UINT16_MAX} : static_cast<uint16_t>(count));
  put(end, wide ? UINT32_MAX : static_cast<uint32_t>(directory_size));
  put(end, wide ? UINT32_MAX : static_cast<uint32_t>(directory_at));
  put(end, uint16_t{0});
  archive.headers.push_back(std::move(directory));
  add(archive.headers.back());
  archive.headers.push_back(std::move(end));
  add(archive.headers.back());
  return archive;
}

}  // namespace sparsmith::load

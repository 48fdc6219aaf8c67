#include "load/zip.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>

#include "load/messages.h"
#include "load/numeric.h"

namespace sparsmith::load {
namespace {

constexpr uint32_t kLocalMagic = 0x04034b50, kEntryMagic = 0x02014b50, kEndMagic = 0x06054b50;
constexpr uint32_t kEnd64Magic = 0x06064b50, kLocator64Magic = 0x07064b50;
constexpr uint64_t kLocalSize = 30, kEntrySize = 46, kEndSize = 22, kEnd64Size = 56, kLocatorSize = 20;
constexpr uint16_t kEncrypted = 1, kStored = 0, kDeflated = 8;
/// Deflate can't do better than 258 bytes out of 2 bits.
constexpr uint64_t kBestDeflateRatio = 1032;

uint16_t u16(std::string_view bytes, size_t at) { return read_little<uint16_t>(bytes.data() + at); }
uint32_t u32(std::string_view bytes, size_t at) { return read_little<uint32_t>(bytes.data() + at); }
uint64_t u64(std::string_view bytes, size_t at) { return read_little<uint64_t>(bytes.data() + at); }

struct Directory {
  uint64_t offset = 0, size = 0, entries = 0;
};

/// Finds the end record by its magic, searching back over the archive comment.
Result<Directory> find_directory(const ByteSource& source, const std::string& origin) {
  constexpr uint64_t kLongestComment = 0xffff;
  const uint64_t tail_size = std::min(source.size(), kEndSize + kLongestComment + kLocatorSize);
  const uint64_t tail_offset = source.size() - tail_size;
  std::string scratch;
  const auto tail = source.read(tail_offset, tail_size, scratch);
  if (!tail) return tail.error();
  size_t at = tail->size();
  bool found = false;
  if (tail->size() >= kEndSize) {
    for (at = tail->size() - kEndSize + 1; at-- > 0 && !found;) {
      found = u32(*tail, at) == kEndMagic && at + kEndSize + u16(*tail, at + 20) == tail->size();
      if (found) break;
    }
  }
  if (!found) {
    return bad_input(join(origin, ": is not a zip archive, or its end is missing"), "the file may be truncated");
  }
  Directory directory{u32(*tail, at + 16), u32(*tail, at + 12), u16(*tail, at + 10)};
  uint64_t directory_limit = tail_offset + at;
  const bool wants64 =
      directory.offset == UINT32_MAX || directory.size == UINT32_MAX || directory.entries == UINT16_MAX;
  if (wants64 && at >= kLocatorSize && u32(*tail, at - kLocatorSize) == kLocator64Magic) {
    const uint64_t end64 = u64(*tail, at - kLocatorSize + 8);
    if (end64 > source.size() || source.size() - end64 < kEnd64Size) {
      return bad_input(
          join(origin, ": the zip64 end record is said to be at byte ", end64, ", past the end of the file"));
    }
    std::string record_scratch;
    const auto record = source.read(end64, kEnd64Size, record_scratch);
    if (!record) return record.error();
    if (u32(*record, 0) != kEnd64Magic) return bad_input(join(origin, ": no zip64 end record at byte ", end64));
    directory = {u64(*record, 48), u64(*record, 40), u64(*record, 32)};
    directory_limit = end64;
  }
  if (directory.offset > directory_limit || directory.size > directory_limit - directory.offset) {
    return bad_input(join(origin, ": the zip directory is said to be ", directory.size, " bytes at byte ",
                          directory.offset, ", but it must end by byte ", directory_limit),
                     "the file is damaged");
  }
  if (directory.entries > directory.size / kEntrySize) {
    return bad_input(
        join(origin, ": the zip directory claims ", directory.entries, " members in ", directory.size, " bytes"),
        "the file is damaged");
  }
  return directory;
}

/// Replaces the sizes that are marked as too large for 32 bits by those of the zip64 extra field.
bool apply_zip64(std::string_view extra, ZipEntry& entry) {
  const bool any = entry.size == UINT32_MAX || entry.compressed_size == UINT32_MAX || entry.header_offset == UINT32_MAX;
  if (!any) return true;
  while (extra.size() >= 4) {
    const uint16_t id = u16(extra, 0), length = u16(extra, 2);
    if (length > extra.size() - 4) return false;
    std::string_view field = extra.substr(4, length);
    if (id == 1) {
      for (uint64_t* value : {&entry.size, &entry.compressed_size, &entry.header_offset}) {
        if (*value != UINT32_MAX) continue;
        if (field.size() < 8) return false;
        *value = u64(field, 0);
        field.remove_prefix(8);
      }
      return true;
    }
    extra.remove_prefix(4 + length);
  }
  return true;  // without the field, the values are what they say
}

}  // namespace

Result<std::vector<ZipEntry>> read_zip_directory(const ByteSource& source, const std::string& origin) {
  const auto directory = find_directory(source, origin);
  if (!directory) return directory.error();
  std::string scratch;
  const auto bytes = source.read(directory->offset, directory->size, scratch);
  if (!bytes) return bytes.error();
  std::vector<ZipEntry> entries;
  std::string_view rest = *bytes;
  for (uint64_t i = 0; i < directory->entries; ++i) {
    if (rest.size() < kEntrySize || u32(rest, 0) != kEntryMagic) {
      return bad_input(join(origin, ": zip directory entry ", i, " is damaged"));
    }
    ZipEntry entry;
    entry.flags = u16(rest, 8);
    entry.method = u16(rest, 10);
    entry.crc = u32(rest, 16);
    entry.compressed_size = u32(rest, 20);
    entry.size = u32(rest, 24);
    entry.header_offset = u32(rest, 42);
    const size_t name = u16(rest, 28), extra = u16(rest, 30), comment = u16(rest, 32);
    if (rest.size() - kEntrySize < name + extra + comment) {
      return bad_input(join(origin, ": zip directory entry ", i, " is longer than the directory"));
    }
    entry.name = rest.substr(kEntrySize, name);
    if (!apply_zip64(rest.substr(kEntrySize + name, extra), entry)) {
      return bad_input(join(origin, ": the zip64 field of member ", visible(entry.name), " is damaged"));
    }
    rest.remove_prefix(kEntrySize + name + extra + comment);
    entries.push_back(std::move(entry));
  }
  return entries;
}

struct ZipStream::State {
  std::string origin;
  std::string scratch;
  std::string_view input;  ///< compressed bytes not yet given to zlib
  uint64_t left = 0;       ///< bytes of content still to come, as declared
  uint32_t declared_crc = 0;
  uLong crc = 0;
  bool deflated = false;
  bool ended = false;  ///< the deflate stream's own end was seen
  z_stream zlib{};     ///< not movable once initialised

  ~State() {
    if (deflated) inflateEnd(&zlib);
  }

  /// Inflates up to `length` bytes.
  Result<size_t> inflate_some(char* out, size_t length) {
    size_t done = 0;
    while (done < length && !ended) {
      const auto in_now = static_cast<uInt>(std::min<size_t>(input.size(), 1u << 30));
      const auto out_now = static_cast<uInt>(std::min<size_t>(length - done, 1u << 30));
      zlib.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
      zlib.avail_in = in_now;
      zlib.next_out = reinterpret_cast<Bytef*>(out + done);
      zlib.avail_out = out_now;
      const int code = inflate(&zlib, Z_NO_FLUSH);
      input.remove_prefix(in_now - zlib.avail_in);
      done += out_now - zlib.avail_out;
      if (code == Z_STREAM_END) {
        ended = true;
      } else if (code == Z_BUF_ERROR || (code == Z_OK && input.empty() && zlib.avail_out != 0)) {
        break;  // the input is used up
      } else if (code == Z_MEM_ERROR) {
        return unsuitable(join(origin, ": not enough memory to inflate it"));
      } else if (code != Z_OK) {
        return bad_input(join(origin, ": its deflate data is damaged", zlib.msg != nullptr ? ": " : "",
                              zlib.msg != nullptr ? zlib.msg : ""));
      }
    }
    return done;
  }
};

ZipStream::ZipStream(std::unique_ptr<State> state) : state_(std::move(state)) {}
ZipStream::ZipStream(ZipStream&&) noexcept = default;
ZipStream::~ZipStream() = default;

Result<ZipStream> ZipStream::open(const ByteSource& source, const ZipEntry& entry, const std::string& origin,
                                  uint64_t most_compressed) {
  if ((entry.flags & kEncrypted) != 0) return bad_input(join(origin, ": is encrypted"), "save it without a password");
  if (entry.method != kStored && entry.method != kDeflated) {
    return bad_input(
        join(origin, ": zip compression method ", entry.method, " is not supported; stored (0) and deflate (8) are"),
        "numpy.savez and numpy.savez_compressed write these");
  }
  if (entry.method == kStored && entry.size != entry.compressed_size) {
    return bad_input(
        join(origin, ": is stored uncompressed, yet declares ", entry.size, " bytes in ", entry.compressed_size));
  }
  if (entry.method == kDeflated && entry.size / kBestDeflateRatio > entry.compressed_size) {
    return bad_input(join(origin, ": declares ", entry.size, " bytes from ", entry.compressed_size,
                          " compressed ones, more than deflate can pack"));
  }
  if (entry.header_offset > source.size() || source.size() - entry.header_offset < kLocalSize) {
    return bad_input(
        join(origin, ": its zip header is said to be at byte ", entry.header_offset, ", past the end of the file"));
  }
  std::string header_scratch;
  const auto header = source.read(entry.header_offset, kLocalSize, header_scratch);
  if (!header) return header.error();
  if (u32(*header, 0) != kLocalMagic) return bad_input(join(origin, ": no zip header at byte ", entry.header_offset));
  if (u16(*header, 8) != entry.method) {
    return bad_input(join(origin, ": its zip header and the directory disagree on the compression method"));
  }
  constexpr uint16_t kSizesFollowData = 1 << 3;
  const uint32_t local_compressed = u32(*header, 18), local_size = u32(*header, 22);
  if ((u16(*header, 6) & kSizesFollowData) == 0 &&
      ((local_compressed != UINT32_MAX && local_compressed != entry.compressed_size) ||
       (local_size != UINT32_MAX && local_size != entry.size))) {
    return bad_input(join(origin, ": its zip header declares ", local_size, " bytes in ", local_compressed,
                          ", the directory ", entry.size, " in ", entry.compressed_size));
  }
  const uint64_t data = entry.header_offset + kLocalSize + u16(*header, 26) + u16(*header, 28);
  if (data > source.size() || entry.compressed_size > source.size() - data) {
    return bad_input(join(origin, ": declares ", entry.compressed_size, " compressed bytes at byte ", data,
                          ", past the end of the file"),
                     "the file is truncated or damaged");
  }
  auto state = std::make_unique<State>();
  state->origin = origin;
  const auto input = source.read(data, std::min(entry.compressed_size, most_compressed), state->scratch);
  if (!input) return input.error();
  state->input = *input;
  state->left = entry.size;
  state->declared_crc = entry.crc;
  state->crc = crc32(0, nullptr, 0);
  if (entry.method == kDeflated) {
    // Raw deflate: zip has headers of its own.
    if (inflateInit2(&state->zlib, -MAX_WBITS) != Z_OK) {
      return unsuitable(join(origin, ": not enough memory to inflate it"));
    }
    state->deflated = true;
  }
  return ZipStream(std::move(state));
}

Result<size_t> ZipStream::read(char* out, size_t length) {
  State& state = *state_;
  length = static_cast<size_t>(std::min<uint64_t>(length, state.left));
  if (length == 0) return size_t{0};
  size_t done = 0;
  if (state.deflated) {
    const auto inflated = state.inflate_some(out, length);
    if (!inflated) return inflated;
    done = *inflated;
  } else {
    done = std::min(length, state.input.size());
    if (done > 0) std::memcpy(out, state.input.data(), done);
    state.input.remove_prefix(done);
  }
  if (done == 0) return done;
  state.crc = crc32_z(state.crc, reinterpret_cast<const Bytef*>(out), done);
  state.left -= done;
  return done;
}

Status ZipStream::finish() {
  State& state = *state_;
  if (state.left > 0) {
    return bad_input(join(state.origin, ": its data ends ", state.left, " bytes before its declared size"),
                     "the file is truncated or damaged");
  }
  if (state.deflated && !state.ended) {
    char more = 0;
    const auto extra = state.inflate_some(&more, 1);
    if (!extra) return extra.error();
    if (*extra > 0) return bad_input(join(state.origin, ": inflates to more than its declared size"));
    if (!state.ended) return bad_input(join(state.origin, ": its deflate data has no end"), "the file is damaged");
  }
  if (state.crc != state.declared_crc) {
    return bad_input(join(state.origin, ": its content doesn't fit its checksum"), "the file is damaged");
  }
  return success();
}

}  // namespace sparsmith::load

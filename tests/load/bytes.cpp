#include "bytes.h"

#include <zlib.h>

#include <stdexcept>

namespace sparsmith::test {
namespace {

std::string deflated(const std::string& content) {
  z_stream zlib{};
  if (deflateInit2(&zlib, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::runtime_error("deflate");
  std::string out(deflateBound(&zlib, content.size()), '\0');
  zlib.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  zlib.avail_in = static_cast<uInt>(content.size());
  zlib.next_out = reinterpret_cast<Bytef*>(out.data());
  zlib.avail_out = static_cast<uInt>(out.size());
  if (deflate(&zlib, Z_FINISH) != Z_STREAM_END) throw std::runtime_error("deflate");
  out.resize(zlib.total_out);
  deflateEnd(&zlib);
  return out;
}

}  // namespace

std::string npy_bytes(const std::string& dict, const std::string& data, int version) {
  std::string out("\x93NUMPY", 6);
  out += static_cast<char>(version);
  out += '\0';
  const std::string header = dict + "\n";
  if (version == 1) {
    append(out, static_cast<uint16_t>(header.size()));
  } else {
    append(out, static_cast<uint32_t>(header.size()));
  }
  return out + header + data;
}

std::string npy_array(const std::string& descr, const std::string& shape, const std::string& data, bool fortran,
                      int version) {
  const std::string order = fortran ? "True" : "False";
  return npy_bytes("{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }", data,
                   version);
}

std::string zip_bytes(const std::vector<ZipMember>& members, const ZipVariation& v) {
  std::string out, directory;
  for (const ZipMember& member : members) {
    const std::string packed = member.deflate ? deflated(member.content) : member.content;
    const uint16_t method = v.method != 0 ? v.method : member.deflate ? 8 : 0;
    const auto crc = static_cast<uint32_t>(
        crc32(0, reinterpret_cast<const Bytef*>(member.content.data()), static_cast<uInt>(member.content.size())));
    const uint32_t declared_crc = v.break_crc ? crc ^ 1 : crc;
    const uint64_t size = member.content.size() + static_cast<uint64_t>(v.add_to_size);
    const uint64_t compressed = packed.size() + static_cast<uint64_t>(v.add_to_compressed_size);
    const uint64_t offset = out.size() + static_cast<uint64_t>(v.add_to_header_offset);
    const uint64_t directory_size = size + static_cast<uint64_t>(v.add_to_directory_size);
    const uint16_t flags = static_cast<uint16_t>(v.flags | (v.sizes_after_data ? 8 : 0));
    const auto narrow = [&](uint64_t value) { return v.zip64 ? UINT32_MAX : static_cast<uint32_t>(value); };
    std::string local_extra, extra;
    if (v.zip64) {
      append<uint16_t>(local_extra, 1);
      append<uint16_t>(local_extra, 16);
      append<uint64_t>(local_extra, size);
      append<uint64_t>(local_extra, compressed);
      append<uint16_t>(extra, 0xcafe);  // an extra field to be stepped over
      append<uint16_t>(extra, 2);
      append<uint16_t>(extra, 0);
      append<uint16_t>(extra, 1);
      append<uint16_t>(extra, 24);
      append<uint64_t>(extra, directory_size);
      append<uint64_t>(extra, compressed);
      append<uint64_t>(extra, offset);
    }

    append<uint32_t>(out, 0x04034b50);
    append<uint16_t>(out, 20);
    append<uint16_t>(out, flags);
    append<uint16_t>(out, method);
    append<uint32_t>(out, 0);  // time and date
    append<uint32_t>(out, v.sizes_after_data ? 0 : declared_crc);
    append<uint32_t>(out, v.sizes_after_data ? 0 : narrow(compressed));
    append<uint32_t>(out, v.sizes_after_data ? 0 : narrow(size));
    append<uint16_t>(out, static_cast<uint16_t>(member.name.size()));
    append<uint16_t>(out, static_cast<uint16_t>(local_extra.size()));
    out += member.name + local_extra + packed;
    if (v.sizes_after_data) {
      append<uint32_t>(out, 0x08074b50);
      append<uint32_t>(out, declared_crc);
      append<uint32_t>(out, static_cast<uint32_t>(compressed));
      append<uint32_t>(out, static_cast<uint32_t>(size));
    }

    append<uint32_t>(directory, 0x02014b50);
    append<uint16_t>(directory, 20);
    append<uint16_t>(directory, 20);
    append<uint16_t>(directory, flags);
    append<uint16_t>(directory, method);
    append<uint32_t>(directory, 0);
    append<uint32_t>(directory, declared_crc);
    append<uint32_t>(directory, narrow(compressed));
    append<uint32_t>(directory, narrow(directory_size));
    append<uint16_t>(directory, static_cast<uint16_t>(member.name.size()));
    append<uint16_t>(directory, static_cast<uint16_t>(extra.size()));
    append<uint16_t>(directory, 0);
    append<uint16_t>(directory, 0);
    append<uint16_t>(directory, 0);
    append<uint32_t>(directory, 0);
    append<uint32_t>(directory, narrow(offset));
    directory += member.name + extra;
  }
  const uint64_t directory_offset = out.size() + static_cast<uint64_t>(v.add_to_directory_offset);
  const uint64_t entries = members.size() + static_cast<uint64_t>(static_cast<int64_t>(v.add_to_entries));
  out += directory;
  if (v.zip64) {
    const uint64_t end64 = out.size();
    append<uint32_t>(out, 0x06064b50);
    append<uint64_t>(out, 44);
    append<uint16_t>(out, 45);
    append<uint16_t>(out, 45);
    append<uint32_t>(out, 0);
    append<uint32_t>(out, 0);
    append<uint64_t>(out, entries);
    append<uint64_t>(out, entries);
    append<uint64_t>(out, directory.size());
    append<uint64_t>(out, directory_offset);
    append<uint32_t>(out, 0x07064b50);
    append<uint32_t>(out, 0);
    append<uint64_t>(out, end64);
    append<uint32_t>(out, 1);
  }
  append<uint32_t>(out, 0x06054b50);
  append<uint32_t>(out, 0);
  append<uint16_t>(out, v.zip64 ? UINT16_MAX : static_cast<uint16_t>(entries));
  append<uint16_t>(out, v.zip64 ? UINT16_MAX : static_cast<uint16_t>(entries));
  append<uint32_t>(out, v.zip64 ? UINT32_MAX : static_cast<uint32_t>(directory.size()));
  append<uint32_t>(out, v.zip64 ? UINT32_MAX : static_cast<uint32_t>(directory_offset));
  append<uint16_t>(out, static_cast<uint16_t>(v.comment.size()));
  return out + v.comment;
}

std::string safetensors_bytes(const std::string& json, const std::string& data) {
  std::string out;
  append<uint64_t>(out, json.size());
  return out + json + data;
}

}  // namespace sparsmith::test

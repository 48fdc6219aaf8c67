#include "load/npy.h"

#include "load/c_order.h"
#include "load/messages.h"

namespace sparsmith::load {

Status check_npy_size(const NpyHeader& header, size_t file_bytes, const std::string& origin) {
  const auto present = static_cast<int64_t>(file_bytes - header.data_offset);
  if (present == header.data_bytes) return success();
  return bad_input(join(origin, ": shape ", shape_text(header.shape), " of ", escaped(header.descr), " needs ",
                        header.data_bytes, " bytes of data, but ", present, " follow the header"),
                   present < header.data_bytes ? "the file is truncated, or its header is wrong"
                                               : "the header is wrong, or the file holds more than one array");
}

Result<FloatType> npy_float_type(const NpyHeader& header, const std::string& origin) {
  if (header.kind == 'f' && header.item_size == 2) return FloatType::f16;
  if (header.kind == 'f' && header.item_size == 4) return FloatType::f32;
  if (header.kind == 'f' && header.item_size == 8) return FloatType::f64;
  const bool perhaps_bfloat16 = header.kind == 'V' && header.item_size == 2;
  return bad_input(join(origin, ": dtype ", visible(header.descr), " can't be read; float16, float32 and float64 can"),
                   perhaps_bfloat16 ? "numpy keeps no name for bfloat16: save it with .astype(numpy.float32)"
                                    : "convert it with .astype(numpy.float32)");
}

Result<Array> decode_npy_floats(const NpyHeader& header, std::string_view data, const std::string& origin) {
  const auto type = npy_float_type(header, origin);
  if (!type) return type.error();
  Array array;
  array.shape = header.shape;
  array.data.resize(header.count);
  Status status = decode_floats(*type, header.big_endian, data.data(), header.count, array.data.data(), origin);
  if (!status) return status.error();
  if (header.fortran_order && header.shape.size() > 1 && header.count > 0) {
    array.data = to_c_order<float>(array.data, array.shape);
  }
  return array;
}

Result<std::vector<int64_t>> decode_npy_integers(const NpyHeader& header, std::string_view data,
                                                 const std::string& origin) {
  const bool wide = header.item_size == 8;
  if (header.kind != 'i' || (!wide && header.item_size != 4)) {
    return bad_input(join(origin, ": dtype ", visible(header.descr), " can't be an index; int32 and int64 can"));
  }
  if (header.shape.size() != 1) {
    return bad_input(join(origin, ": has shape ", shape_text(header.shape), "; one dimension is expected"));
  }
  std::vector<int64_t> values(header.count);
  for (int64_t i = 0; i < header.count; ++i) {
    if (wide) {
      const auto bits = read_little<uint64_t>(data.data() + i * 8);
      values[i] = static_cast<int64_t>(header.big_endian ? __builtin_bswap64(bits) : bits);
    } else {
      const auto bits = read_little<uint32_t>(data.data() + i * 4);
      values[i] = static_cast<int32_t>(header.big_endian ? __builtin_bswap32(bits) : bits);
    }
  }
  return values;
}

Result<std::string> decode_npy_text(const NpyHeader& header, std::string_view data, const std::string& origin) {
  if ((header.kind != 'S' && header.kind != 'U') || header.count != 1) {
    return bad_input(join(origin, ": dtype ", visible(header.descr), " with shape ", shape_text(header.shape),
                          " is not one string"));
  }
  std::string text;
  const size_t step = header.kind == 'U' ? 4 : 1;
  const size_t low_byte = header.kind == 'U' && header.big_endian ? 3 : 0;
  for (size_t i = 0; i + step <= data.size(); i += step) {
    const char c = data[i + low_byte];
    if (c == '\0') break;
    text += c;
  }
  return text;
}

}  // namespace sparsmith::load

namespace sparsmith {

Result<Array> parse_npy(std::string_view bytes, const std::string& origin) {
  return load::guarded(origin, [&]() -> Result<Array> {
    const auto header = load::parse_npy_header(bytes, origin);
    if (!header) return header.error();
    if (const auto type = load::npy_float_type(*header, origin); !type) return type.error();
    if (Status whole = load::check_npy_size(*header, bytes.size(), origin); !whole) return whole.error();
    return load::decode_npy_floats(*header, bytes.substr(header->data_offset), origin);
  });
}

}  // namespace sparsmith

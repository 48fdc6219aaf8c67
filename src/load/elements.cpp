#include "load/elements.h"

#include <cstring>

#include "load/c_order.h"
#include "load/messages.h"

namespace sparsmith::load {
namespace {

struct Dtype {
  ElementType element;
  const char* descr;
};
constexpr Dtype kDtypes[] = {{ElementType::f32, "<f4"},    {ElementType::f64, "<f8"}, {ElementType::f16, "<f2"},
                             {ElementType::bf16, "<V2"},   {ElementType::i8, "|i1"},  {ElementType::u8, "|u1"},
                             {ElementType::i16, "<i2"},    {ElementType::u16, "<u2"}, {ElementType::i32, "<i4"},
                             {ElementType::u32, "<u4"},    {ElementType::i64, "<i8"}, {ElementType::u64, "<u8"},
                             {ElementType::boolean, "|b1"}};

/// Elements of an unsigned integer as wide as they are.
template <class Bits>
void decode(const NpyHeader& header, std::vector<std::byte>& bytes) {
  std::vector<Bits> elements(bytes.size() / sizeof(Bits));
  std::memcpy(elements.data(), bytes.data(), bytes.size());
  if (header.big_endian && sizeof(Bits) > 1) {
    for (Bits& bits : elements) {
      if constexpr (sizeof(Bits) == 2) bits = __builtin_bswap16(bits);
      if constexpr (sizeof(Bits) == 4) bits = __builtin_bswap32(bits);
      if constexpr (sizeof(Bits) == 8) bits = __builtin_bswap64(bits);
    }
  }
  if (header.fortran_order && header.shape.size() > 1) {
    elements = to_c_order<Bits>(elements, header.shape);
  }
  std::memcpy(bytes.data(), elements.data(), bytes.size());
}

}  // namespace

Result<ElementType> npy_element(const NpyHeader& header, const std::string& origin) {
  for (const Dtype& dtype : kDtypes) {
    if (header.kind == dtype.descr[1] && header.item_size == dtype.descr[2] - '0') return dtype.element;
  }
  return bad_input(join(origin, ": dtype ", visible(header.descr),
                        " is no type of a model's tensors; bool, integers and floats of up to 64 bits are"),
                   "convert it with .astype, as in .astype(numpy.float32)");
}

const char* npy_descr(ElementType element) {
  for (const Dtype& dtype : kDtypes) {
    if (dtype.element == element) return dtype.descr;
  }
  return "";
}

Result<NamedTensor> decode_npy_tensor(const NpyHeader& header, std::string_view data, std::string name,
                                      const std::string& origin) {
  const auto element = npy_element(header, origin);
  if (!element) return element.error();
  NamedTensor tensor{std::move(name), *element, header.shape, {}};
  tensor.bytes.resize(data.size());
  if (data.empty()) return tensor;
  std::memcpy(tensor.bytes.data(), data.data(), data.size());
  const bool as_it_is = !header.big_endian && (!header.fortran_order || header.shape.size() < 2);
  if (!as_it_is) {
    switch (header.item_size) {
      case 1:
        decode<uint8_t>(header, tensor.bytes);
        break;
      case 2:
        decode<uint16_t>(header, tensor.bytes);
        break;
      case 4:
        decode<uint32_t>(header, tensor.bytes);
        break;
      default:
        decode<uint64_t>(header, tensor.bytes);
    }
  }
  if (*element == ElementType::boolean) {
    for (std::byte& value : tensor.bytes) value = std::byte{value != std::byte{0}};
  }
  return tensor;
}

}  // namespace sparsmith::load

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <bit>

#include "sparsmith/pattern.h"

// Digests cover arrays as they lie in memory; another byte order would need them swapped first.
static_assert(std::endian::native == std::endian::little);

namespace sparsmith {

std::string Digest::hex() const {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text(32, '0');
  for (int i = 0; i < 16; ++i) {
    text[i] = kDigits[(high >> (60 - 4 * i)) & 15];
    text[16 + i] = kDigits[(low >> (60 - 4 * i)) & 15];
  }
  return text;
}

Digest digest_of(const void* data, size_t size) {
  const XXH128_hash_t hash = XXH3_128bits(data, size);
  return {hash.high64, hash.low64};
}

}  // namespace sparsmith

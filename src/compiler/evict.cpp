#include "compiler/evict.h"

#include <cstddef>

#include "runtime/kernel_impl.h"

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

namespace sparsmith {
namespace {

constexpr size_t kLine = 64;

void flush([[maybe_unused]] const void* data, [[maybe_unused]] size_t bytes) {
#if defined(__x86_64__)
  const auto* begin = static_cast<const char*>(data);
  for (size_t at = 0; at < bytes; at += kLine) _mm_clflush(begin + at);
  if (bytes > 0) _mm_clflush(begin + bytes - 1);
  _mm_mfence();
#endif
}

}  // namespace

NetworkEviction::NetworkEviction(int64_t network_bytes, int64_t l2_bytes, int64_t l3_bytes) {
  if (network_bytes > l3_bytes) {
    level_ = Level::to_memory;
  } else if (network_bytes > l2_bytes) {
    level_ = Level::to_l3;
    others_.assign(static_cast<size_t>(2 * l2_bytes), 1);
  }
}

void NetworkEviction::operator()(const Kernel& kernel, std::initializer_list<std::span<const float>> activations) {
  if (level_ == Level::to_memory) {
    const auto& impl = kernel.impl();
    flush(impl.code->memory.data(), impl.code->code_bytes);
    const std::span<const float> values = impl.values.span();
    flush(values.data(), values.size_bytes());
    flush(impl.code->image.indices.data(), impl.code->image.indices.size());
    for (const std::span<const float> floats : activations) flush(floats.data(), floats.size_bytes());
  } else if (level_ == Level::to_l3) {
    for (size_t at = 0; at < others_.size(); at += kLine) *const_cast<volatile char*>(&others_[at]) = 2;
  }
}

}  // namespace sparsmith

#include "runtime/pack_values.h"

#include <algorithm>
#include <iterator>
#include <string>

namespace sparsmith {

Status check_pattern(const KernelImage& image, const Pattern& pattern) {
  const std::string shape = std::to_string(image.m) + " x " + std::to_string(image.k);
  if (pattern.rows() != image.m || pattern.cols() != image.k) {
    return bad_input("the weights are " + std::to_string(pattern.rows()) + " x " + std::to_string(pattern.cols()) +
                         ", but the kernel's pattern is " + shape,
                     "compile a kernel for these weights");
  }
  const std::span<const int64_t> offsets = pattern.row_offsets();
  const std::span<const int32_t> columns = pattern.columns();
  if (std::ranges::equal(offsets, image.row_offsets) && std::ranges::equal(columns, image.columns)) return success();
  const auto row_of = [](const auto& all, const auto& starts, int64_t row) {
    return std::span<const int32_t>(all).subspan(starts[row], starts[row + 1] - starts[row]);
  };
  for (int64_t row = 0; row < image.m; ++row) {
    const std::span<const int32_t> got = row_of(columns, offsets, row);
    const std::span<const int32_t> want = row_of(image.columns, image.row_offsets, row);
    const auto [at_got, at_want] = std::ranges::mismatch(got, want);
    if (at_got == got.end() && at_want == want.end()) continue;
    // The first column that only one of them has.
    const bool extra = at_want == want.end() || (at_got != got.end() && *at_got < *at_want);
    const std::string column = std::to_string(extra ? *at_got : *at_want);
    return bad_input(
        "the weights have another pattern than the kernel: in row " + std::to_string(row) + " column " + column +
            (extra ? " has a value where the kernel has none" : " lacks the value that the kernel has"),
        "compile a kernel for these weights; a zero that belongs to the pattern must be passed as a stored "
        "value (Weights::from_csr)");
  }
  return internal_error("two equal patterns of " + shape + " compare as different");
}

Status pack_values(std::span<const ValueSource> sources, std::span<const float> weights, const Epilogue& epilogue,
                   const LayerParams& params, std::span<float> packed) {
  if (packed.size() != sources.size()) {
    return internal_error("room for " + std::to_string(packed.size()) + " packed values, but there are " +
                          std::to_string(sources.size()));
  }
  // One array per kind; constants are arrays of one float whatever the index says. A table lookup instead of a switch:
  // a million values take some 1-2 ms, most of it the weights' cache misses.
  struct Array {
    const float* data = nullptr;
    uint32_t size = 0;
    uint32_t index_mask = ~0u;
  };
  const float zero = 0;
  Array arrays[16] = {};
  const auto set = [&](ValueKind kind, std::span<const float> data) {
    arrays[static_cast<size_t>(kind)] = {data.data(), static_cast<uint32_t>(data.size())};
  };
  const auto set_constant = [&](ValueKind kind, const float& value) {
    arrays[static_cast<size_t>(kind)] = {&value, 1, 0};
  };
  set(ValueKind::weight, weights);
  set(ValueKind::bias, params.bias);
  set(ValueKind::row_scale, params.row_scale);
  set(ValueKind::prelu_slope, params.prelu_slope);
  set_constant(ValueKind::alpha, epilogue.alpha);
  set_constant(ValueKind::lo, epilogue.lo);
  set_constant(ValueKind::hi, epilogue.hi);
  set_constant(ValueKind::beta, epilogue.beta);
  set_constant(ValueKind::zero, zero);
  set(ValueKind::literal, kLiterals);
  for (size_t i = 0; i < sources.size(); ++i) {
    const Array& array = arrays[static_cast<size_t>(sources[i].kind())];
    const uint32_t index = sources[i].index() & array.index_mask;
    if (index >= array.size) [[unlikely]] {
      return internal_error("packed value " + std::to_string(i) + " is number " + std::to_string(index) +
                            " of an array of " + std::to_string(array.size) + " (kind " +
                            std::to_string(static_cast<uint32_t>(sources[i].kind())) + ")");
    }
    packed[i] = array.data[index];
  }
  return success();
}

}  // namespace sparsmith

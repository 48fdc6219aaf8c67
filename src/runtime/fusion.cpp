#include "runtime/fusion.h"

#include <algorithm>

namespace sparsmith {
namespace {

// A block takes this share of L2 beside code, X and Y. On MobileNetV1's pairs blocks of a 32nd to an 8th take the same
// time; rows of positions cut short cost the first kernel up to a tenth.
constexpr int64_t kBlockShare = 16, kRowShare = 4;

// Bytes of code and values that come from L2 once more take a quarter of the time of bytes that come from beyond it:
// MobileNetV1's pairs at 14x14 and 28x28 in blocks of one position against blocks of a row.
constexpr double kCodeByte = 0.25;

// What fits this share of L2 is taken to stay there; other data and conflicts take the rest.
constexpr double kUsableCache = 0.75;

// By positions one thread may have so much more than its share.
constexpr double kUnevenness = 1.25;

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// What one thread computes.
int64_t share_of(const FusionShape& shape) { return ceil_div(shape.positions, shape.threads); }

int64_t saved_bytes(const FusionShape& shape) { return 2 * share_of(shape) * shape.between_bytes; }

int64_t fetched_again(const FusionShape& shape, int64_t block) {
  return shape.second_code > shape.l1i_bytes ? (ceil_div(share_of(shape), block) - 1) * shape.second_code : 0;
}

int64_t working_bytes(const FusionShape& shape) {
  return share_of(shape) * (shape.between_bytes + shape.outer_bytes) + shape.second_code;
}

std::string kilobytes(int64_t bytes) { return std::to_string((bytes + 512) / 1024) + " KB"; }

}  // namespace

int64_t block_positions(const FusionShape& shape) {
  const int64_t most = std::max<int64_t>(shape.l2_bytes / kBlockShare / shape.between_bytes, 1);
  if (most >= shape.row) return most / shape.row * shape.row;
  const bool row_fits = shape.row * shape.between_bytes <= shape.l2_bytes / kRowShare;
  return row_fits ? shape.row : most;
}

Fusion choose_fusion(const FusionShape& shape) {
  if (static_cast<double>(working_bytes(shape)) <= kUsableCache * static_cast<double>(shape.l2_bytes))
    return {0, FusionReason::cached};
  const double uneven = static_cast<double>(share_of(shape) * shape.threads) / static_cast<double>(shape.positions);
  if (uneven > kUnevenness) return {0, FusionReason::threads};
  const int64_t block = block_positions(shape);
  if (block >= share_of(shape)) return {0, FusionReason::one_block};
  if (kCodeByte * static_cast<double>(fetched_again(shape, block)) > static_cast<double>(saved_bytes(shape))) {
    return {0, FusionReason::code};
  }
  return {block, FusionReason::pays};
}

// On MobileNetV1, 90 % sparse, with an L2 of 2 MB: the pair at 112x112, 1.6 MB between and 3.2 MB of Y, saves 50 us of
// 280; that of 112x112 to 56x56, 0.8 and 1.6 MB, saves 40, which the two kernels behind it lose.
bool pays_in_chain(const FusionShape& shape) {
  if (choose_fusion(shape).block == 0) return false;
  const int64_t y = share_of(shape) * shape.y_bytes;
  return saved_bytes(shape) > (y <= shape.l2_bytes ? y : 0);
}

std::string describe(const Fusion& fusion, const FusionShape& shape) {
  const std::string between = kilobytes(share_of(shape) * shape.between_bytes);
  switch (fusion.reason) {
    case FusionReason::pays:
      return "the " + between + " between the kernels stay in blocks of " +
             kilobytes(fusion.block * shape.between_bytes) + "; with X, Y and the code they would be " +
             kilobytes(working_bytes(shape)) + ", too much for a second-level cache of " + kilobytes(shape.l2_bytes);
    case FusionReason::cached:
      return "the " + between + " between the kernels stay in the second-level cache (" + kilobytes(shape.l2_bytes) +
             ") beside X, Y and the code, " + kilobytes(working_bytes(shape)) + " in all";
    case FusionReason::one_block:
      return "the " + between + " between the kernels are a single block";
    case FusionReason::code:
      return "the second kernel's code and values (" + kilobytes(shape.second_code) +
             ") would be fetched again for each of " +
             std::to_string(ceil_div(share_of(shape), block_positions(shape))) + " blocks, which costs more than the " +
             between + " between the kernels";
    case FusionReason::threads:
      return std::to_string(shape.positions) + " positions don't go round among " + std::to_string(shape.threads) +
             " threads; by rows of the weights they share each kernel's work";
  }
  return {};
}

}  // namespace sparsmith

/// \file
/// What a fused pair must compute, from what its first kernel wrote.
#pragma once

#include <vector>

#include "kernels/reference.h"
#include "sparsmith/strip.h"

namespace sparsmith::testing {

/// The strips that the first kernel wrote, as NCHW.
inline std::vector<float> between_images(const float* strips, int64_t batch, int64_t m, const Conv2d& conv) {
  std::vector<float> images(static_cast<size_t>(batch * m * conv.out_height() * conv.out_width()));
  unpack_strips(strips, batch, m, conv, images.data());
  return images;
}

/// The product's reference on those images. `pair` has the fused call's layouts, its convolution and the product's
/// epilogue; `args` are the fused call's, its Y not yet written.
inline Reference pair_reference(const Weights& product, const Problem& pair, const LayerParams& params,
                                const std::vector<float>& between, const RunArgs& args, bool multiply_zeros = false) {
  const Conv2d& conv = *pair.conv;
  const auto plain = [&](const float* data) {
    if (data == nullptr) return std::vector<float>();
    if (pair.y_layout == Layout::panel) return between_images(data, args.batch, product.rows(), conv);
    const int64_t floats = args.batch * product.rows() * conv.out_height() * conv.out_width();
    return std::vector<float>(data, data + floats);
  };
  std::vector<float> y = plain(args.y);
  const std::vector<float> residual = plain(args.residual);
  Problem pointwise;
  pointwise.conv = Conv2d{.height = conv.out_height(), .width = conv.out_width()};
  pointwise.epilogue = pair.epilogue;
  RunArgs plain_args{.x = between.data(), .y = y.data(), .batch = args.batch};
  if (args.residual != nullptr) plain_args.residual = residual.data();
  return compute_reference(product, pointwise, params, plain_args, multiply_zeros);
}

}  // namespace sparsmith::testing

/// \file
/// Images into planes and rows (image_layout.h) and back, some channels at a time.
#pragma once

#include <cstdint>

#include "sparsmith/image_layout.h"

namespace sparsmith {

/// Channels [first, last) of one image, with the padding before, between and behind their pixels. `image` and `packed`
/// are those of the whole image.
void pack_image_channels(const ImageShape& shape, const float* image, int64_t first, int64_t last, float* packed);
/// Of a shape without strides, as Y's is.
void unpack_image_channels(const ImageShape& shape, const float* packed, int64_t first, int64_t last, float* image);
/// Zeros wherever there is no pixel; of a shape without strides.
void clear_image_padding(const ImageShape& shape, int64_t first, int64_t last, float* packed);

}  // namespace sparsmith

/// \file
/// A spatial convolution's operands in the layout that its code sees: how each is packed, in parts that threads share,
/// and how its panels lie.
#pragma once

#include <cstdint>
#include <variant>

#include "pattern/images.h"
#include "runtime/strip.h"
#include "sparsmith/image_layout.h"

namespace sparsmith {

/// One operand.
class ImageView {
 public:
  ImageView() = default;
  static ImageView input(ImageLayout images, const Conv2d& conv, int64_t channels);
  static ImageView output(ImageLayout images, const Conv2d& conv, int64_t m);

  int64_t plain_floats() const { return plain_floats_; }    ///< of an image in NCHW
  int64_t packed_floats() const { return packed_floats_; }  ///< of one in the layout
  int64_t parts() const { return parts_; }                  ///< that packing an image is divided into
  /// Parts [first, last) of one image; `plain` and `packed` are those of the whole image.
  void pack(const float* plain, int64_t first, int64_t last, float* packed) const;
  void unpack(const float* packed, int64_t first, int64_t last, float* plain) const;
  /// Zeros to the padding, where the layout defines it.
  void clear_padding(int64_t first, int64_t last, float* packed) const;
  bool defines_padding() const { return std::holds_alternative<ImageShape>(view_); }

 private:
  std::variant<StripView, ImageShape> view_;
  int64_t plain_floats_ = 0, packed_floats_ = 0, parts_ = 0;
};

/// The panels of Y, and what of X they are computed from: runs of neighbouring panels, one call of code each. Distances
/// are floats.
struct ImageRuns {
  int64_t runs = 0;    ///< of an image
  int64_t panels = 0;  ///< of a run
  int64_t x_image = 0, y_image = 0;
  int64_t x_run = 0, x_panel = 0;
  int64_t y_first = 0, y_run = 0, y_panel = 0;
  int64_t y_row = 0;  ///< from a row of Y to the next

  /// Panels one after the other, as a product sees those of k rows of X and m of Y.
  static ImageRuns flat(int64_t panels, int64_t k, int64_t m);
  static ImageRuns of(ImageLayout images, const Conv2d& conv, int64_t channels, int64_t m);
  /// Whole images as single panels, for code that reads X on its grid.
  static ImageRuns whole(const Conv2d& conv, int64_t channels, int64_t m);
  int64_t panels_per_image() const { return runs * panels; }
};

}  // namespace sparsmith

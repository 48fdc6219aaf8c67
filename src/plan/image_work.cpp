#include "plan/image_work.h"

#include "pattern/images.h"
#include "sparsmith/image_layout.h"
#include "sparsmith/panel.h"
#include "sparsmith/strip.h"

namespace sparsmith {
namespace {

constexpr int64_t kFloat = sizeof(float), kLine = kPanelWidth * kFloat;

double share(int64_t part, int64_t whole) { return static_cast<double>(part) / static_cast<double>(whole); }

/// Strips are transposed 16 positions of a channel at a time, of narrow tiles 8 of two or 4 of four channels, which
/// takes a third and twice longer for those two and four (runtime/strip_copy).
double transposed_lines(int64_t rows, int64_t columns) {
  const int64_t whole = columns / kPanelWidth, rest = columns % kPanelWidth;
  const double last = rest > 8 ? 16 : rest > 4 ? 10.7 : rest > 0 ? 8 : 0;
  return static_cast<double>(rows) * (16 * static_cast<double>(whole) + last);
}

/// Taps whose loads don't begin on lines, panels beginning on them.
int64_t crossing_taps(const ImageShape& x, const Conv2d& conv) {
  int64_t crossing = 0;
  for (int64_t tap = 0; tap < conv.taps(); ++tap) {
    const int64_t at = x.padded_offset(0, tap / conv.kernel_w * conv.dilation_h, tap % conv.kernel_w * conv.dilation_w);
    crossing += at % kPanelWidth != 0 ? 1 : 0;
  }
  return crossing;
}

}  // namespace

ImageWork image_work(ImageLayout images, const Conv2d& conv, int64_t m) {
  ImageWork work;
  if (images == ImageLayout::strips) {
    const StripShape shape = strip_shape(conv);
    work.panels = shape.y_positions();
    work.run_panels = shape.tile_w;
    work.channel_bytes = shape.x_positions() * kLine;
    work.band_bytes = shape.x_w * conv.kernel_h * kLine;
    work.x_packing = transposed_lines(shape.x_h, shape.x_w);
    work.y_packing = transposed_lines(shape.tile_h, shape.tile_w);
    work.x_share = share(shape.x_positions(), shape.y_positions() * conv.taps());
    return work;
  }
  const bool planes = images == ImageLayout::planes;
  const ImageShape x = image_shape_x(layout_of(images), conv, 1), y = image_shape_y(layout_of(images), conv, m);
  work.run_panels = panel_count(planes ? (y.height - 1) * y.pitch + y.width : y.width);
  work.panels = work.run_panels * (planes ? 1 : y.height);
  work.channel_bytes = x.floats * kFloat;
  work.band_bytes = conv.kernel_h * x.pitch * conv.stride_w * kFloat;
  work.x_packing = share(x.floats, kPanelWidth);
  work.y_packing = share(y.floats, m * kPanelWidth);
  work.x_share = share(x.floats, work.panels * kPanelWidth * conv.taps());
  work.crossing = share(crossing_taps(x, conv), conv.taps());
  return work;
}

}  // namespace sparsmith

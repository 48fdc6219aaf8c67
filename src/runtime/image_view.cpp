#include "runtime/image_view.h"

#include <algorithm>

#include "runtime/image_copy.h"
#include "sparsmith/panel.h"

namespace sparsmith {
namespace {

ImageLayout images_of(Layout layout) {
  return layout == Layout::panel   ? ImageLayout::strips
         : layout == Layout::plane ? ImageLayout::planes
                                   : ImageLayout::rows;
}

/// visit(plain image, packed image) for each image.
template <class Plain, class Packed, class Visit>
void for_each_image(const ImageView& view, Plain* plain, Packed* packed, int64_t batch, const Visit& visit) {
  for (int64_t b = 0; b < batch; ++b) visit(plain + b * view.plain_floats(), packed + b * view.packed_floats());
}

void pack_all(const ImageView& view, const float* source, int64_t batch, float* packed) {
  for_each_image(view, source, packed, batch,
                 [&](const float* from, float* to) { view.pack(from, 0, view.parts(), to); });
}

}  // namespace

ImageView ImageView::input(ImageLayout images, const Conv2d& conv, int64_t channels) {
  ImageView view;
  view.plain_floats_ = image_floats_x(Layout::plain, conv, channels);
  view.packed_floats_ = image_floats_x(layout_of(images), conv, channels);
  if (images == ImageLayout::strips) {
    const StripView strips = StripView::input(conv, channels);
    view.parts_ = strips.positions_h;
    view.view_ = strips;
  } else {
    view.parts_ = channels;
    view.view_ = image_shape_x(layout_of(images), conv, channels);
  }
  return view;
}

ImageView ImageView::output(ImageLayout images, const Conv2d& conv, int64_t m) {
  ImageView view;
  view.plain_floats_ = image_floats_y(Layout::plain, conv, m);
  view.packed_floats_ = image_floats_y(layout_of(images), conv, m);
  if (images == ImageLayout::strips) {
    const StripView strips = StripView::output(conv, m);
    view.parts_ = strips.positions_h;
    view.view_ = strips;
  } else {
    view.parts_ = m;
    view.view_ = image_shape_y(layout_of(images), conv, m);
  }
  return view;
}

void ImageView::pack(const float* plain, int64_t first, int64_t last, float* packed) const {
  if (const auto* strips = std::get_if<StripView>(&view_)) return pack_strip_rows(*strips, plain, first, last, packed);
  pack_image_channels(std::get<ImageShape>(view_), plain, first, last, packed);
}

void ImageView::unpack(const float* packed, int64_t first, int64_t last, float* plain) const {
  if (const auto* strips = std::get_if<StripView>(&view_)) {
    return unpack_strip_rows(*strips, packed, first, last, plain);
  }
  unpack_image_channels(std::get<ImageShape>(view_), packed, first, last, plain);
}

void ImageView::clear_padding(int64_t first, int64_t last, float* packed) const {
  if (defines_padding()) clear_image_padding(std::get<ImageShape>(view_), first, last, packed);
}

ImageRuns ImageRuns::flat(int64_t panels, int64_t k, int64_t m) {
  ImageRuns runs;
  runs.runs = 1;
  runs.panels = panels;
  runs.x_panel = k * kPanelWidth;
  runs.y_panel = m * kPanelWidth;
  runs.y_row = kPanelWidth;
  return runs;
}

ImageRuns ImageRuns::of(ImageLayout images, const Conv2d& conv, int64_t channels, int64_t m) {
  ImageRuns runs;
  runs.x_image = image_floats_x(layout_of(images), conv, channels);
  runs.y_image = image_floats_y(layout_of(images), conv, m);
  if (images == ImageLayout::strips) {
    const StripShape shape = strip_shape(conv);
    runs.runs = shape.tile_h;
    runs.panels = shape.tile_w;
    runs.x_panel = conv.stride_w * channels * kPanelWidth;
    runs.x_run = conv.stride_h * shape.x_w * channels * kPanelWidth;
    runs.y_panel = m * kPanelWidth;
    runs.y_run = shape.tile_w * runs.y_panel;
    runs.y_row = kPanelWidth;
    return runs;
  }
  const ImageShape x = image_shape_x(layout_of(images), conv, channels);
  const ImageShape y = image_shape_y(layout_of(images), conv, m);
  const bool planes = images == ImageLayout::planes;
  const int64_t neighbours = planes ? (y.height - 1) * y.pitch + y.width : y.width;
  runs.runs = planes ? 1 : y.height;
  runs.panels = panel_count(neighbours);
  runs.x_panel = runs.y_panel = kPanelWidth;
  runs.x_run = planes ? 0 : x.row_floats;
  runs.y_run = planes ? 0 : y.row_floats;
  runs.y_first = y.offset(0, 0, 0);
  runs.y_row = y.channel_floats;
  return runs;
}

ImageRuns ImageRuns::whole(const Conv2d& conv, int64_t channels, int64_t m) {
  ImageRuns runs;
  runs.runs = runs.panels = 1;
  runs.x_image = runs.x_run = runs.x_panel = image_floats_x(Layout::grid, conv, channels);
  runs.y_image = runs.y_run = runs.y_panel = image_floats_y(Layout::panel, conv, m);
  runs.y_row = kPanelWidth;
  return runs;
}

void pack_images(Layout layout, const float* source, int64_t batch, int64_t channels, const Conv2d& conv,
                 float* packed) {
  if (layout == Layout::plain) {
    std::copy_n(source, batch * image_floats_x(layout, conv, channels), packed);
    return;
  }
  if (layout == Layout::grid) return pack_strips(source, batch, channels, output_grid(conv), packed);
  pack_all(ImageView::input(images_of(layout), conv, channels), source, batch, packed);
}

void pack_output_images(Layout layout, const float* source, int64_t batch, int64_t m, const Conv2d& conv,
                        float* packed) {
  if (layout == Layout::plain) {
    std::copy_n(source, batch * image_floats_y(layout, conv, m), packed);
    return;
  }
  pack_all(ImageView::output(images_of(layout), conv, m), source, batch, packed);
}

void unpack_images(Layout layout, const float* packed, int64_t batch, int64_t m, const Conv2d& conv, float* target) {
  if (layout == Layout::plain) {
    std::copy_n(packed, batch * image_floats_y(layout, conv, m), target);
    return;
  }
  const ImageView view = ImageView::output(images_of(layout), conv, m);
  for_each_image(view, target, packed, batch,
                 [&](float* to, const float* from) { view.unpack(from, 0, view.parts(), to); });
}

}  // namespace sparsmith

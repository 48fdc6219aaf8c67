#include "runtime/panel.h"

#include <algorithm>

#include "runtime/panel_copy.h"

namespace sparsmith {

PlainView PlainView::matrix(int64_t rows, int64_t n, int64_t ld) {
  return {.rows = rows, .n = n, .row_stride = ld, .image = n, .image_stride = 0, .line = n, .line_stride = 0};
}

PlainView PlainView::nchw(int64_t batch, int64_t rows, int64_t positions) {
  return {.rows = rows,
          .n = batch * positions,
          .row_stride = positions,
          .image = positions,
          .image_stride = rows * positions,
          .line = positions,
          .line_stride = 0};
}

PlainView PlainView::nchw(int64_t batch, int64_t rows, const Conv2d& conv) {
  if (conv.stride_h == 1 && conv.stride_w == 1) return nchw(batch, rows, conv.height * conv.width);
  const int64_t positions = conv.out_height() * conv.out_width();
  return {.rows = rows,
          .n = batch * positions,
          .row_stride = conv.height * conv.width,
          .image = positions,
          .image_stride = rows * conv.height * conv.width,
          .line = conv.out_width(),
          .line_stride = conv.stride_h * conv.width,
          .step = conv.stride_w};
}

int64_t PlainView::offset(int64_t column) const {
  const int64_t in_image = column % image;
  return column / image * image_stride + in_image / line * line_stride + in_image % line * step;
}

int64_t PlainView::contiguous(int64_t column) const {
  if (step != 1) return 1;
  return line - column % image % line;
}

namespace {

// How one panel's columns lie in memory.
struct PanelShape {
  int64_t full = 0;       // panels from this one on whose columns are all side by side; 0 when not even this one is
  int64_t width = 0;      // columns that exist
  int64_t split = 0;      // how many of them the first run holds
  bool two_runs = false;  // no more than two runs
};

PanelShape shape_of(const PlainView& view, int64_t panel, int64_t last) {
  const int64_t column = panel * kPanelWidth;
  const int64_t run = view.contiguous(column);
  PanelShape shape;
  shape.full = std::min(run / kPanelWidth, last - panel);
  shape.width = std::min(kPanelWidth, view.n - column);
  shape.split = std::min(run, shape.width);
  shape.two_runs = shape.split == shape.width || shape.split + view.contiguous(column + shape.split) >= shape.width;
  return shape;
}

template <class Pointer>
PanelPieces<Pointer> pieces_of(const PlainView& view, Pointer data, int64_t column, const PanelShape& shape) {
  PanelPieces<Pointer> pieces;
  pieces.first = data + view.offset(column);
  pieces.first_lanes = static_cast<int>(shape.split);
  if (shape.split < shape.width) {
    pieces.second = data + view.offset(column + shape.split);
    pieces.second_lanes = static_cast<int>(shape.width - shape.split);
  }
  return pieces;
}

}  // namespace

void pack_panels(const PlainView& view, const float* source, int64_t first, int64_t last, float* panels) {
  const PanelCopy& copy = panel_copy();
  for (int64_t p = first; p < last;) {
    const int64_t column = p * kPanelWidth;
    const PanelShape shape = shape_of(view, p, last);
    float* const target = panels + (p - first) * view.rows * kPanelWidth;
    if (shape.full > 0) {
      copy.pack_full(source + view.offset(column), view.row_stride, view.rows, shape.full, target);
    } else if (shape.two_runs) {
      copy.pack_pieces(pieces_of(view, source, column, shape), view.row_stride, view.rows, target);
    } else {
      int64_t offsets[kPanelWidth] = {};
      for (int64_t l = 0; l < shape.width; ++l) offsets[l] = view.offset(column + l);
      copy.gather(source, offsets, static_cast<int>(shape.width), view.row_stride, view.rows, target);
    }
    p += std::max<int64_t>(shape.full, 1);
  }
}

void unpack_panels(const PlainView& view, const float* panels, int64_t first, int64_t last, float* target) {
  const PanelCopy& copy = panel_copy();
  for (int64_t p = first; p < last;) {
    const int64_t column = p * kPanelWidth;
    const PanelShape shape = shape_of(view, p, last);
    const float* const source = panels + (p - first) * view.rows * kPanelWidth;
    if (shape.full > 0) {
      copy.unpack_full(source, view.rows, shape.full, target + view.offset(column), view.row_stride);
    } else if (shape.two_runs) {
      copy.unpack_pieces(source, view.rows, pieces_of(view, target, column, shape), view.row_stride);
    } else {
      int64_t offsets[kPanelWidth] = {};
      for (int64_t l = 0; l < shape.width; ++l) offsets[l] = view.offset(column + l);
      copy.scatter(source, view.rows, offsets, static_cast<int>(shape.width), target, view.row_stride);
    }
    p += std::max<int64_t>(shape.full, 1);
  }
}

void pack(const float* source, int64_t rows, int64_t n, int64_t ld, float* panels) {
  pack_panels(PlainView::matrix(rows, n, ld), source, 0, panel_count(n), panels);
}

void unpack(const float* panels, int64_t rows, int64_t n, float* target, int64_t ld) {
  unpack_panels(PlainView::matrix(rows, n, ld), panels, 0, panel_count(n), target);
}

void pack_nchw(const float* source, int64_t batch, int64_t channels, const Conv2d& conv, float* panels) {
  const PlainView view = PlainView::nchw(batch, channels, conv);
  pack_panels(view, source, 0, panel_count(view.n), panels);
}

void unpack_nchw(const float* panels, int64_t batch, int64_t channels, int64_t positions, float* target) {
  const PlainView view = PlainView::nchw(batch, channels, positions);
  unpack_panels(view, panels, 0, panel_count(view.n), target);
}

}  // namespace sparsmith

#include "model/format.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "pattern/check.h"
#include "sparsmith/panel.h"

namespace sparsmith::model {
namespace {

using Kind = Format::Kind;

constexpr int64_t kMostBytes = int64_t{1} << 46;

Error unfit(const ops::Type& type, const Format& format) {
  return bad_input("a value " + ops::describe(type) + " can't lie in " + describe(format));
}

/// Bytes of so many lines of 16 floats for each channel of each image; none where no memory holds them.
std::optional<int64_t> line_bytes(const ops::Type& type, int64_t lines) {
  int64_t bytes = kPanelWidth * static_cast<int64_t>(sizeof(float));
  for (const int64_t factor : {type.shape[0], type.shape[1], lines}) {
    if (__builtin_mul_overflow(bytes, factor, &bytes) || bytes > kMostBytes) return std::nullopt;
  }
  return bytes;
}

bool is_image(const ops::Type& type, int64_t height, int64_t width) {
  return type.shape.size() == 4 && type.shape[2] == height && type.shape[3] == width;
}

// rows x columns transposed, in squares that stay in L1.
void transpose(const float* source, int64_t rows, int64_t columns, float* target) {
  constexpr int64_t kBlock = 16;
  for (int64_t r0 = 0; r0 < rows; r0 += kBlock) {
    const int64_t r1 = std::min(rows, r0 + kBlock);
    for (int64_t c = 0; c < columns; ++c) {
      for (int64_t r = r0; r < r1; ++r) target[c * rows + r] = source[r * columns + c];
    }
  }
}

// [rows, columns] to [ceil(rows / 16)][columns][16]; lanes beyond the rows become zeros.
void pack_rows(const float* source, int64_t rows, int64_t columns, float* panels) {
  for (int64_t r0 = 0; r0 < rows; r0 += kPanelWidth, panels += columns * kPanelWidth) {
    const int64_t lanes = std::min(kPanelWidth, rows - r0);
    for (int64_t c = 0; c < columns; ++c) {
      for (int64_t l = 0; l < lanes; ++l) panels[c * kPanelWidth + l] = source[(r0 + l) * columns + c];
      for (int64_t l = lanes; l < kPanelWidth; ++l) panels[c * kPanelWidth + l] = 0;
    }
  }
}

void unpack_rows(const float* panels, int64_t rows, int64_t columns, float* target) {
  for (int64_t r0 = 0; r0 < rows; r0 += kPanelWidth, panels += columns * kPanelWidth) {
    const int64_t lanes = std::min(kPanelWidth, rows - r0);
    for (int64_t l = 0; l < lanes; ++l) {
      for (int64_t c = 0; c < columns; ++c) target[(r0 + l) * columns + c] = panels[c * kPanelWidth + l];
    }
  }
}

}  // namespace

Format Format::of(Conv2d conv) {
  conv.groups = 1;
  conv.order = WeightOrder::oihw;
  return {.kind = Kind::strips, .grid = {}, .conv = conv};
}

std::string describe(const Format& format) {
  const auto by = [](int64_t a, int64_t b) { return std::to_string(a) + "x" + std::to_string(b); };
  switch (format.kind) {
    case Kind::plain:
      return "plain rows";
    case Kind::columns:
      return "columns";
    case Kind::panels:
      return "panels";
    case Kind::grid:
      return "strips of " + by(format.grid.tile_h, format.grid.tile_w) + " of " +
             by(format.grid.height, format.grid.width);
    case Kind::strips:
      return "strips for a " + by(format.conv.kernel_h, format.conv.kernel_w) + " convolution of " +
             by(format.conv.height, format.conv.width);
  }
  return "an unknown format";
}

int64_t last_of(const ops::Type& type) { return type.shape.empty() ? 1 : type.shape.back(); }
int64_t rows_of(const ops::Type& type) {
  const int64_t last = last_of(type);
  return last == 0 ? 0 : type.size() / last;
}

Result<int64_t> bytes_of(const Format& format, const ops::Type& type) {
  constexpr int64_t kFloat = sizeof(float);
  if (format.kind == Kind::plain) return type.size() * size_of(type.element);
  if (type.element != ElementType::f32) return unfit(type, format);
  if (format.kind == Kind::columns) return type.size() * kFloat;
  if (format.kind == Kind::panels) return panel_floats(last_of(type), rows_of(type)) * kFloat;
  const bool grid = format.kind == Kind::grid;
  const bool fits = grid ? is_image(type, format.grid.height, format.grid.width)
                         : is_image(type, format.conv.height, format.conv.width);
  if (!fits) return unfit(type, format);
  const auto bytes = line_bytes(type, grid ? format.grid.positions() : strip_shape(format.conv).x_positions());
  if (!bytes) return unfit(type, format);
  return *bytes;
}

std::optional<StripInterior> interior_of(const Format& format) {
  if (format.kind == Kind::grid) return StripInterior{format.grid, 0, {}};
  if (format.kind == Kind::strips) return strip_interior(format.conv);
  return std::nullopt;
}

bool convertible(const Format& from, const Format& to) {
  if (from.kind == Kind::plain) return true;
  if (to.kind == Kind::plain) return from.kind != Kind::strips || interior_of(from).has_value();
  return to.kind == Kind::strips && interior_of(from).has_value();
}

Status convert(const ops::Type& type, const Format& from, const void* source, const Format& to, void* target,
               int threads, const ParallelFor* parallel) {
  if (type.size() == 0) return success();
  if (from == to) {
    const auto bytes = bytes_of(from, type);
    if (!bytes) return bytes.error();
    std::memcpy(target, source, static_cast<size_t>(*bytes));
    return success();
  }
  const auto* const x = static_cast<const float*>(source);
  auto* const y = static_cast<float*>(target);
  if (from.kind == Kind::plain) {
    switch (to.kind) {
      case Kind::columns:
        transpose(x, rows_of(type), last_of(type), y);
        break;
      case Kind::panels:
        pack_rows(x, rows_of(type), last_of(type), y);
        break;
      case Kind::grid:
        pack_strips(x, type.shape[0], type.shape[1], to.grid, y);
        break;
      default:
        pack_strips(x, type.shape[0], type.shape[1], to.conv, y);
    }
    return success();
  }
  const std::optional<StripInterior> interior = interior_of(from);
  if (!convertible(from, to)) return internal_error("no conversion of " + describe(from) + " to " + describe(to));
  if (to.kind == Kind::strips) {
    return regrid_strips(x + interior->first * type.shape[1] * kPanelWidth, interior->grid, interior->runs,
                         type.shape[0], type.shape[1], to.conv, y, threads, parallel);
  }
  if (interior) {
    unpack_strips(x + interior->first * type.shape[1] * kPanelWidth, type.shape[0], type.shape[1], interior->grid,
                  interior->runs, y);
  } else if (from.kind == Kind::panels) {
    unpack_rows(x, rows_of(type), last_of(type), y);
  } else {
    transpose(x, last_of(type), rows_of(type), y);
  }
  return success();
}

}  // namespace sparsmith::model
